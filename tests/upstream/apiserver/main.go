// Command apiserver asks the kube-apiserver of one Kubernetes minor about its flags. It links the
// server's options, and takes the flags that they have.
//
//	apiserver flags < OLD > NEW   what packwright knows of flags (src/kubernetes/flags.tsv), with this
//	                              minor's answers in place of what it said about this minor
//	apiserver names < OLD > NEW   the same of feature gates and admission plugins (names.tsv)
//	apiserver judge < CASES       JSON lines, each the arguments of a kube-apiserver; a line each with
//	                              the error of reading them, and those of the audit options
//	apiserver policies < CASES    JSON lines, each the text of an audit policy; a line each with why
//	                              the server does not start with it, or null
package main

import (
	"bufio"
	"fmt"
	"os"
)

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "flags":
		err = catalogue(in, out, flagsHeader, flags)
	case len(os.Args) == 2 && os.Args[1] == "names":
		err = catalogue(in, out, namesHeader, names)
	case len(os.Args) == 2 && os.Args[1] == "judge":
		err = judge(in, out)
	case len(os.Args) == 2 && os.Args[1] == "policies":
		err = policies(in, out)
	default:
		err = fmt.Errorf("usage: apiserver flags|names|judge|policies")
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
}
