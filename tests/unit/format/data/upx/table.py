import random
random.seed(1)
b = bytearray()
words = [bytes(random.randrange(256) for _ in range(random.randrange(3, 9))) for _ in range(60)]
while len(b) < 24000:
    b += random.choice(words)
print('static const unsigned char table[24000] = {' + ','.join(map(str, b[:24000])) + '};')
