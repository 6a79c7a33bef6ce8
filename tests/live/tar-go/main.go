// Makes archives of all tar formats, thousands of mutations of them (the same ones each time), and prints what Go's archive/tar sees in each.
// usage: main ARCHIVES-FILE COUNT >expected     each archive in the file stands behind its length (32 bits, little endian)
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"os"
	"strconv"
)

const maxShown = 64 << 20 // larger files are not read: a mutation can claim a hole of an exabyte

func show(w io.Writer, archive []byte) {
	tr := tar.NewReader(struct{ io.Reader }{bytes.NewReader(archive)}) // no Seeker, as runtimes read from a decompressor
	for {
		h, err := tr.Next()
		if err == io.EOF {
			fmt.Fprintln(w, "end ok")
			return
		}
		if err != nil {
			fmt.Fprintln(w, "end error")
			return
		}
		if h.Typeflag == 'g' {
			fmt.Fprintf(w, "g %x\n", h.Name)
			continue
		}
		size := h.Size
		if h.Typeflag >= '1' && h.Typeflag <= '6' {
			size = 0
		}
		fmt.Fprintf(w, "%02x %d %o %d %d %d %d,%d %x %x %x\n", h.Typeflag, size, h.Mode&07777, uint64(h.Uid), uint64(h.Gid), h.ModTime.Unix(),
			uint64(h.Devmajor), uint64(h.Devminor), h.Name, h.Linkname, h.PAXRecords["SCHILY.xattr.security.capability"])
		if size > maxShown {
			fmt.Fprintln(w, "end large")
			return
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, tr); err != nil {
			fmt.Fprintln(w, "end error")
			return
		}
		fmt.Fprintf(w, "c %x\n", sum.Sum(nil))
	}
}

// --- mutations ---

func isHeader(b []byte) bool {
	want, err := strconv.ParseUint(string(bytes.Trim(b[148:156], " \x00")), 8, 64)
	return err == nil && want == sum(b)
}

func sum(b []byte) (n uint64) {
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		n += uint64(c)
	}
	return n
}

func setSum(b []byte) { copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum(b))) }

var nasty = []byte("\x00\x00 07/19-+.=,\n\x80\xff\xc0\x7fxgLKS0123456A\xe9")
var types = []byte("\x000123456xgLKSV7AZ")
var magics = []string{"ustar\x0000", "ustar  \x00", "\x00\x00\x00\x00\x00\x00\x00\x00", "ustar\x00  ", "ustar \x00\x00"}

// Fields whose values decide how the rest is read: offset and length in a header.
var fields = [][2]int{{0, 100}, {100, 8}, {108, 8}, {116, 8}, {124, 12}, {136, 12}, {157, 100}, {329, 8}, {337, 8}, {345, 155}, {345, 12},
	{357, 12}, {386, 97}, {483, 12}, {476, 24}, {508, 4}}

func mutateHeader(r *rand.Rand, b []byte) {
	switch r.Intn(6) {
	case 0:
		b[156] = types[r.Intn(len(types))]
	case 1:
		copy(b[257:265], magics[r.Intn(len(magics))])
		if r.Intn(4) == 0 {
			copy(b[508:], "tar\x00")
		}
	default:
		f := fields[r.Intn(len(fields))]
		for n := 1 + r.Intn(3); n > 0; n-- {
			b[f[0]+r.Intn(f[1])] = nasty[r.Intn(len(nasty))]
		}
	}
	if r.Intn(20) == 0 { // the sum of signed bytes
		n := int64(sum(b))
		for i, c := range b {
			if c >= 0x80 && (i < 148 || i >= 156) {
				n -= 256
			}
		}
		if n >= 0 {
			copy(b[148:156], fmt.Sprintf("%06o\x00 ", n))
			return
		}
	}
	setSum(b)
}

func mutateOnce(r *rand.Rand, a []byte) []byte {
	blocks := len(a) / 512
	if blocks == 0 {
		return a
	}
	at := 512 * r.Intn(blocks)
	block := a[at : at+512]
	switch k := r.Intn(20); {
	case k < 10:
		for try := 0; try < 20 && !isHeader(block); try++ {
			at = 512 * r.Intn(blocks)
			block = a[at : at+512]
		}
		if isHeader(block) {
			mutateHeader(r, block)
		}
		return a
	case k < 14: // content: pax records, names, sparse maps
		n := bytes.IndexByte(block, 0)
		if n <= 0 {
			n = 512
		}
		block[r.Intn(n)] = nasty[r.Intn(len(nasty))]
		return a
	case k == 14:
		return a[:r.Intn(len(a))]
	case k == 15:
		return a[:512*r.Intn(blocks+1)]
	case k == 16:
		return append(a[:at:at], a[at+512:]...)
	case k == 17:
		return append(append(a[:at:at], block...), a[at:]...)
	case k == 18:
		return append(append(a[:at:at], make([]byte, 512*(1+r.Intn(2)))...), a[at:]...)
	default:
		other := 512 * r.Intn(blocks)
		b := append([]byte(nil), block...)
		copy(block, a[other:other+512])
		copy(a[other:other+512], b)
		return a
	}
}

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	f, err := os.Create(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	archives, expected := bufio.NewWriter(f), bufio.NewWriter(os.Stdout)
	bases := allBases()
	r := rand.New(rand.NewSource(20261122))
	for i := 0; i < count; i++ {
		a := append([]byte(nil), bases[i%len(bases)]...)
		if i >= len(bases) { // the first round is unchanged
			for n := 1 + r.Intn(3); n > 0; n-- {
				a = mutateOnce(r, a)
			}
		}
		binary.Write(archives, binary.LittleEndian, uint32(len(a)))
		archives.Write(a)
		fmt.Fprintf(expected, "== %d\n", i)
		show(expected, a)
	}
	archives.Flush()
	expected.Flush()
	if f.Close() != nil {
		os.Exit(2)
	}
}
