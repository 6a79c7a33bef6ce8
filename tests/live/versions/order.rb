# "A B" lines -> <, =, > or ?, as Gem::Version orders them.
STDIN.each_line do |line|
  a, b = line.split
  if Gem::Version.correct?(a) && Gem::Version.correct?(b)
    puts({ -1 => "<", 0 => "=", 1 => ">" }[Gem::Version.new(a) <=> Gem::Version.new(b)])
  else
    puts "?"
  end
end
