#!/usr/bin/env python3
"""embed.py INPUT OUTPUT NAME: a text file as a C array `NAME` (NUL-terminated) with its length `NAME_size`."""
import sys

src, dst, name = sys.argv[1:4]
data = open(src, 'rb').read()
with open(dst, 'w') as out:
    out.write('/* made by tools/embed.py */\n#include <stddef.h>\n')
    out.write(f'extern const unsigned char {name}[];\nextern const size_t {name}_size;\n')
    out.write(f'const unsigned char {name}[] = {{\n')
    for i in range(0, len(data), 24):
        out.write('\t' + ','.join(str(b) for b in data[i:i + 24]) + ',\n')
    out.write(f'\t0\n}};\nconst size_t {name}_size = {len(data)};\n')
