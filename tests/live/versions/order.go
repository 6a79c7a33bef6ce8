// "A B" lines -> <, =, > or ?, as golang.org/x/mod/semver orders them.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"pabean.test/order/semver"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		v := strings.Fields(in.Text())
		for i := range v { // advisories write versions without the v
			v[i] = "v" + strings.TrimPrefix(v[i], "v")
		}
		if !semver.IsValid(v[0]) || !semver.IsValid(v[1]) {
			fmt.Println("?")
		} else {
			fmt.Println([]string{"<", "=", ">"}[semver.Compare(v[0], v[1])+1])
		}
	}
}
