package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"time"
)

// One header block; values are put as they are, so that every oddity can be written.
type head struct {
	name, mode, uid, gid, size, mtime string
	typ                               byte
	link, magic, major, minor, rest   string // rest: from byte 345
}

func (h head) block() []byte {
	b := make([]byte, 512)
	def := func(s, d string) string {
		if s == "" {
			return d
		}
		return s
	}
	copy(b[0:100], h.name)
	copy(b[100:108], def(h.mode, "0000644\x00"))
	copy(b[108:116], def(h.uid, "0001750\x00"))
	copy(b[116:124], def(h.gid, "0001750\x00"))
	copy(b[124:136], def(h.size, "00000000000\x00"))
	copy(b[136:148], def(h.mtime, "14700000000\x00"))
	b[156] = h.typ
	copy(b[157:257], h.link)
	copy(b[257:265], h.magic)
	copy(b[329:337], h.major)
	copy(b[337:345], h.minor)
	copy(b[345:], h.rest)
	setSum(b)
	return b
}

const ustar, gnu, v7 = "ustar\x0000", "ustar  \x00", ""

func octal(n int) string { return fmt.Sprintf("%011o\x00", n) }

func pad(content string) []byte {
	b := []byte(content)
	return append(b, make([]byte, (512-len(b)%512)%512)...)
}

// A header whose size is that of the content, and the content.
func file(h head, content string) []byte {
	if h.size == "" {
		h.size = octal(len(content))
	}
	return append(h.block(), pad(content)...)
}

func records(kv ...string) string {
	out := ""
	for i := 0; i < len(kv); i += 2 {
		n := len(kv[i]) + len(kv[i+1]) + 3
		n += len(fmt.Sprint(n))
		if l := len(fmt.Sprintf("%d %s=%s\n", n, kv[i], kv[i+1])); l != n {
			n = l
		}
		out += fmt.Sprintf("%d %s=%s\n", n, kv[i], kv[i+1])
	}
	return out
}

func pax(typ byte, kv ...string) []byte {
	return file(head{name: "PaxHeaders/x", typ: typ, magic: ustar}, records(kv...))
}

func archive(parts ...[]byte) []byte { return append(bytes.Join(parts, nil), make([]byte, 1024)...) }

func base256(n int64, width int) string {
	b := make([]byte, width)
	for i := width - 1; i >= 0; i-- {
		b[i] = byte(n)
		n >>= 8
	}
	b[0] |= 0x80
	return string(b)
}

func sparseBases() [][]byte {
	data := strings.Repeat("abcdefgh", 128)
	part := func(offset, n int) string { return octal(offset) + octal(n) }
	old := head{name: "old-sparse", typ: 'S', magic: gnu, rest: strings.Repeat("\x00", 41) + part(512, 512) + part(4096, 512) +
		strings.Repeat("\x00", 48) + "\x00" + octal(10000)}
	extended := head{name: "old-extended", typ: 'S', magic: gnu, rest: strings.Repeat("\x00", 41) + part(0, 100) + part(200, 100) + part(300, 100) +
		part(600, 100) + "\x01" + octal(20000)}
	var ext [512]byte
	copy(ext[:], part(1000, 124)+part(5000, 500))
	extended.size = octal(1024)
	ext1 := ext
	ext1[504] = 1
	copy(ext[:], part(6000, 0)+part(20000, 0))
	withExt := append(append(append(extended.block(), ext1[:]...), ext[:]...), pad(data)...)
	plain := head{name: "fake/sparse", typ: '0', magic: ustar}
	map1 := string(pad("2\n512\n512\n4096\n512\n"))
	long1 := "60\n"
	for i := 0; i < 60; i++ {
		long1 += fmt.Sprintf("%d\n10\n", 1000*i)
	}
	return [][]byte{
		archive(file(old, data), file(head{name: "after", typ: '0', magic: gnu}, "after")),
		archive(withExt, file(head{name: "after", typ: '0', magic: gnu}, "after")),
		archive(pax('x', "GNU.sparse.size", "10000", "GNU.sparse.numblocks", "2", "GNU.sparse.offset", "512", "GNU.sparse.numbytes", "512",
			"GNU.sparse.offset", "4096", "GNU.sparse.numbytes", "512"), file(plain, data), file(plain, "after")),
		archive(pax('x', "GNU.sparse.major", "0", "GNU.sparse.minor", "1", "GNU.sparse.name", "true/name", "GNU.sparse.realsize", "9000",
			"GNU.sparse.numblocks", "2", "GNU.sparse.map", "0,512,600,512"), file(plain, data), file(plain, "after")),
		archive(pax('x', "GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.name", "true/name1", "GNU.sparse.realsize", "5000",
			"path", "other/name"), file(plain, map1+data), file(plain, "after")),
		archive(pax('x', "GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.realsize", "60000"),
			file(plain, string(pad(long1))+data[:600]), file(plain, "after")),
		archive(pax('x', "GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.size", "3000"), file(plain, string(pad("0\n")))),
		archive(pax('x', "GNU.sparse.major", "2", "GNU.sparse.minor", "0"), file(plain, "unknown version")),
	}
}

func written(format tar.Format, long bool) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	name := "dir/file"
	if long {
		name = strings.Repeat("a-long-directory-name/", 12) + "file"
	}
	put := func(h tar.Header, content string) {
		h.Format = format
		h.Size = int64(len(content))
		h.ModTime = time.Unix(1700000000, 0)
		if w.WriteHeader(&h) == nil {
			w.Write([]byte(content))
		}
	}
	put(tar.Header{Name: "dir/", Typeflag: '5', Mode: 0755}, "")
	put(tar.Header{Name: name, Typeflag: '0', Mode: 04755, Uid: 1 << 21 * (int(format) / 8)}, strings.Repeat("content ", 100))
	put(tar.Header{Name: name + ".link", Linkname: name, Typeflag: '1'}, "")
	put(tar.Header{Name: "symlink", Linkname: name, Typeflag: '2'}, "")
	put(tar.Header{Name: "null", Typeflag: '3', Devmajor: 1, Devminor: 3}, "")
	put(tar.Header{Name: "fifo", Typeflag: '6'}, "")
	w.Close()
	return b.Bytes()
}

func oddBases() [][]byte {
	long := strings.Repeat("long/", 60) + "name"
	f := head{name: "plain", typ: '0', magic: ustar}
	g := head{name: "gnu-file", typ: '0', magic: gnu}
	longHead := head{name: "././@LongLink", typ: 'L', magic: gnu}
	linkHead := head{name: "././@LongLink", typ: 'K', magic: gnu}
	return [][]byte{
		archive(file(head{name: "v7/", typ: 0}, ""), file(head{name: "v7/file", typ: 0}, "seven"), file(head{name: "v7/link", typ: '1', link: "v7/file"}, "")),
		archive(head{name: "v7dir/", size: octal(512)}.block(), file(f, "behind")), // a directory has no content whatever it claims
		archive(file(head{name: "name", typ: '0', magic: ustar, major: "0000000\x00", minor: "0000000\x00", rest: "a/prefix\x00"}, "prefixed"),
			file(head{name: "name", typ: '0', magic: ustar, rest: strings.Repeat("p", 155)}, "full")),
		archive(file(head{name: "star", typ: '0', magic: ustar, rest: "star/prefix" + strings.Repeat("\x00", 120) + octal(5) + octal(6) + strings.Repeat("\x00", 8) +
			"tar\x00"}, "star")),
		archive(file(longHead, long+"\x00"), file(linkHead, long+"2\x00"), file(head{name: "short", typ: '1', link: "short-link", magic: gnu}, ""), file(g, "next")),
		archive(file(longHead, long+"\x00"), pax('x', "path", "from/pax", "mtime", "-1.5"), file(g, "both")),
		archive(pax('x', "path", "from/pax"), file(longHead, "from/gnu"), file(g, "both, the other way round")),
		archive(file(head{name: "dirlike/", typ: '0', magic: ustar}, "a file named as a directory"), file(f, "x")),
		archive(file(head{name: "buggy", typ: '0', magic: gnu, rest: "old/go/prefix\x00"}, "prefix in a gnu header"),
			file(head{name: "times", typ: '0', magic: gnu, rest: octal(77) + octal(78)}, "")),
		archive(file(head{name: "big", typ: '0', magic: gnu, uid: base256(1<<40, 8), gid: base256(-2, 8), mtime: base256(-5, 12), size: base256(3, 12)}, "abc")),
		archive(pax('g', "path", "global/path", "comment", "x"), pax('x', "path", "local/path", "path", "second/path", "uid", "123456789", "gid", "-1", "mtime",
			"1.999", "SCHILY.xattr.security.capability", "\x01\x00\x00\x02", "SCHILY.xattr.user.x", "y", "size", "5"), file(f, "12345"), file(f, "next")),
		archive(pax('x', "path", "lost"), pax('g', "comment", "in between"), file(f, "x forgotten")),
		archive(pax('x', "path", "first", "linkpath", "l1"), pax('x', "path", "second"), file(head{name: "n", typ: '2', link: "t", magic: ustar}, "")),
		archive(pax('x', "path", "", "size", "", "linkpath", ""), file(f, "empty values keep the header's")),
		archive(pax('x', "size", "3"), file(head{name: "resized", typ: '0', magic: ustar, size: octal(600)}, strings.Repeat("z", 600)), file(f, "after")),
		append(append(file(f, "one"), make([]byte, 512)...), file(f, "after a lone zero block")...),
		append(file(f, "lone zero block at the end"), make([]byte, 512)...),
		file(f, "no zero block at all"),
		file(f, strings.Repeat("x", 512))[:1024-100],
		file(f, "cut in its padding")[:600],
		append(archive(file(f, "rubbish behind the end")), "rubbish"...),
		archive(pax('x', "path", "nothing follows")),
		archive(file(head{name: "cont", typ: '7', magic: ustar}, "contiguous"), file(head{name: "unknown", typ: 'Z', magic: ustar}, "type"),
			file(head{name: "volume", typ: 'V', magic: gnu}, "")),
		archive(file(head{name: "blank", typ: '0', magic: ustar, mode: "   644 \x00", uid: "       \x00", size: "         4 \x00"}, "abcd")),
		archive(pax('x', "path", strings.Repeat("deep/", 2000)+"end"), file(f, "deep")),
		{},
		make([]byte, 512), make([]byte, 1024), make([]byte, 1025), make([]byte, 100),
	}
}

func allBases() [][]byte {
	bases := append(oddBases(), sparseBases()...)
	for _, format := range []tar.Format{tar.FormatUSTAR, tar.FormatPAX, tar.FormatGNU} {
		bases = append(bases, written(format, false), written(format, true))
	}
	return bases
}
