// Command yaml has Go's YAML readers read a corpus: what we write must mean the same to each of
// them, since Kubernetes, its tools and its users' tools are built on all of them.
//
//	yaml CORPUS    one {"yaml": TEXT, "value": JSON} a line; every reader must give exactly value
//
// It ends with status 1 if any reader read anything else.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"reflect"
	"strings"

	newv2 "go.yaml.in/yaml/v2"
	newv3 "go.yaml.in/yaml/v3"
	oldv2 "gopkg.in/yaml.v2"
	oldv3 "gopkg.in/yaml.v3"
	sigs "sigs.k8s.io/yaml"
)

const shown = 20 // mismatches printed for each reader

type decoder interface{ Decode(any) error }

var readers = []struct {
	name string
	read func(text string) (any, error)
}{
	{"sigs.k8s.io/yaml", func(text string) (any, error) {
		out, err := sigs.YAMLToJSONStrict([]byte(text))
		if err != nil {
			return nil, err
		}
		return parse(out)
	}},
	{"gopkg.in/yaml.v2", func(text string) (any, error) {
		d := oldv2.NewDecoder(strings.NewReader(text))
		d.SetStrict(true)
		return only(d)
	}},
	{"gopkg.in/yaml.v3", func(text string) (any, error) { return only(oldv3.NewDecoder(strings.NewReader(text))) }},
	{"go.yaml.in/yaml/v2", func(text string) (any, error) {
		d := newv2.NewDecoder(strings.NewReader(text))
		d.SetStrict(true)
		return only(d)
	}},
	{"go.yaml.in/yaml/v3", func(text string) (any, error) { return only(newv3.NewDecoder(strings.NewReader(text))) }},
}

func main() {
	if len(os.Args) != 2 {
		fail(errors.New("usage: yaml CORPUS"))
	}
	corpus, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	passed, failed := make([]int, len(readers)), make([]int, len(readers))
	lines := json.NewDecoder(bytes.NewReader(corpus))
	lines.UseNumber()
	for {
		var line struct {
			YAML  *string `json:"yaml"`
			Value any     `json:"value"`
		}
		if err := lines.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			fail(err)
		} else if line.YAML == nil {
			fail(errors.New("a line without yaml"))
		}
		for i, reader := range readers {
			got, err := reader.read(*line.YAML)
			if err == nil && equal(got, line.Value) {
				passed[i]++
				continue
			}
			failed[i]++
			if failed[i] > shown {
				continue
			}
			if err != nil {
				got = err
			}
			fmt.Printf("%s: %q\n  got  %s\n  want %s\n", reader.name, *line.YAML, show(got), show(line.Value))
		}
	}
	status := 0
	for i, reader := range readers {
		fmt.Printf("%s: %d passed, %d failed\n", reader.name, passed[i], failed[i])
		// An empty corpus proves nothing.
		if failed[i] > 0 || passed[i] == 0 {
			status = 1
		}
	}
	os.Exit(status)
}

// only reads the one document there should be, and puts it in JSON's types.
func only(d decoder) (any, error) {
	var value, more any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if err := d.Decode(&more); err != io.EOF {
		return nil, errors.New("more than one document")
	}
	return plain(value), nil
}

// plain turns a reader's maps and numbers into what parse gives. A key that is no string and a
// type that JSON lacks, such as a date, stay what they are and so equal nothing.
func plain(value any) any {
	switch v := value.(type) {
	case map[any]any:
		out := map[string]any{}
		for key, item := range v {
			name, ok := key.(string)
			if !ok {
				return value
			}
			out[name] = plain(item)
		}
		return out
	case map[string]any:
		for key, item := range v {
			v[key] = plain(item)
		}
	case []any:
		for i, item := range v {
			v[i] = plain(item)
		}
	case int, int64, uint64, float64:
		return json.Number(fmt.Sprint(v))
	}
	return value
}

func parse(text []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return value, d.Decode(&value)
}

// equal compares numbers by worth, since JSON has one kind of them and 1.0 is 1.
func equal(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for key := range x {
			if other, ok := y[key]; !ok || !equal(x[key], other) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return false
		}
		m, fine := new(big.Rat).SetString(x.String())
		n, too := new(big.Rat).SetString(y.String())
		return fine && too && m.Cmp(n) == 0
	}
	return reflect.DeepEqual(a, b)
}

// show prints JSON, which tells 30 from "30", or what Go calls the value if JSON lacks it.
func show(value any) string {
	if err, is := value.(error); is {
		return err.Error()
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%#v", value)
	}
	return string(text)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "yaml:", err)
	os.Exit(1)
}
