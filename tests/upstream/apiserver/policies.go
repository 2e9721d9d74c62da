package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"k8s.io/apiserver/pkg/audit/policy"
)

// policies loads audit policies as the server does when it starts: null for one that it takes,
// and otherwise why it does not start.
func policies(in *bufio.Reader, out *bufio.Writer) error {
	cases := json.NewDecoder(in)
	answers := json.NewEncoder(out)
	answers.SetEscapeHTML(false)
	for {
		var text string
		switch err := cases.Decode(&text); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("a case is no text: %w", err)
		}
		var answer *string
		if _, err := policy.LoadPolicyFromBytes([]byte(text)); err != nil {
			text := err.Error()
			answer = &text
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}
