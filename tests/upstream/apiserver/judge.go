package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// verdict is what a kube-apiserver says of its arguments before it starts anything.
type verdict struct {
	Read  *string  `json:"read"`  // the error of the first argument that cannot be read
	Audit []string `json:"audit"` // the errors of the audit options
}

// judge reads lists of arguments as the server's command does, each with fresh options.
func judge(in *bufio.Reader, out *bufio.Writer) error {
	cases := json.NewDecoder(in)
	answers := json.NewEncoder(out)
	answers.SetEscapeHTML(false)
	for {
		var arguments []string
		switch err := cases.Decode(&arguments); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("a case is no list of arguments: %w", err)
		}
		s := options.NewServerRunOptions()
		flags := flagsOf(s)
		flags.SetOutput(io.Discard)
		answer := verdict{Audit: []string{}}
		if err := flags.Parse(arguments); err != nil {
			text := err.Error()
			answer.Read = &text
		} else {
			for _, err := range s.Audit.Validate() {
				answer.Audit = append(answer.Audit, err.Error())
			}
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}
