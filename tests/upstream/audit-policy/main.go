// Asks the API server's own code what an audit policy logs of a request.
//
//	audit-policy edge-cases FILE   HTTP requests, each against its own policy: FILE is edge-cases.yaml
//	audit-policy generated FILE    JSON lines, each a policy and the attributes of many requests
//	audit-policy replay POLICY LOG audit events: how many the policy gives each level (benches/replay)
//
// Answers are JSON lines on standard output.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/audit/policy"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	"k8s.io/klog/v2"
	"sigs.k8s.io/yaml"
)

// The order of a request's life, which upstream's sets do not keep.
var stages = []auditinternal.Stage{
	auditinternal.StageRequestReceived, auditinternal.StageResponseStarted,
	auditinternal.StageResponseComplete, auditinternal.StagePanic,
}

type decision struct {
	Level             auditinternal.Level   `json:"level"`
	Rule              *int                  `json:"rule"`
	Stages            []auditinternal.Stage `json:"stages,omitempty"`
	OmitStages        []auditinternal.Stage `json:"omitStages"`
	OmitManagedFields bool                  `json:"omitManagedFields"`
}

func decide(loaded *auditinternal.Policy, attrs authorizer.Attributes) decision {
	config := policy.NewPolicyRuleEvaluator(loaded.DeepCopy()).EvaluatePolicyRule(attrs)
	answer := decision{Level: config.Level, OmitStages: []auditinternal.Stage{}, OmitManagedFields: config.OmitManagedFields}
	for _, stage := range stages {
		if slices.Contains(config.OmitStages, stage) {
			answer.OmitStages = append(answer.OmitStages, stage)
		}
	}
	// The evaluator does not say which rule decided: each is asked alone.
	for i := range loaded.Rules {
		alone := auditinternal.Policy{Rules: []auditinternal.PolicyRule{*loaded.Rules[i].DeepCopy()}}
		alone.Rules[0].Level = auditinternal.LevelMetadata
		if policy.NewPolicyRuleEvaluator(&alone).EvaluatePolicyRule(attrs).Level == auditinternal.LevelMetadata {
			answer.Rule = &i
			break
		}
	}
	return answer
}

func load(text string) (*auditinternal.Policy, error) {
	loaded, err := policy.LoadPolicyFromBytes([]byte(text))
	if err != nil {
		return nil, err
	}
	return loaded, nil
}

type edgeCase struct {
	Name            string   `json:"name"`
	Policy          string   `json:"policy"`
	User            string   `json:"user"`
	Groups          []string `json:"groups"`
	Unauthenticated bool     `json:"unauthenticated"`
	Method          string   `json:"method"`
	Path            string   `json:"path"`
	Explain         string   `json:"explain"`
}

type edgeAnswer struct {
	Name    string  `json:"name"`
	Refused *string `json:"refused,omitempty"`
	*decision
}

type sink struct{ seen []auditinternal.Stage }

func (s *sink) ProcessEvents(events ...*auditinternal.Event) bool {
	for _, event := range events {
		s.seen = append(s.seen, event.Stage)
	}
	return true
}

// serve passes the request through the handlers that the API server audits with,
// and gives what its policy is asked and the stages at which there is an event.
func serve(loaded *auditinternal.Policy, c edgeCase) (authorizer.Attributes, []auditinternal.Stage) {
	infos := &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")}
	longRunning := genericfilters.BasicLongRunningRequestCheck(
		sets.NewString("watch", "proxy"), sets.NewString("attach", "exec", "proxy", "log", "portforward"))
	evaluator := policy.NewPolicyRuleEvaluator(loaded.DeepCopy())
	events := &sink{}
	var attrs authorizer.Attributes
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) })
	if c.Unauthenticated {
		unauthorized := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
		handler = filters.WithFailedAuthenticationAudit(unauthorized, events, evaluator)
	} else {
		handler = filters.WithAudit(handler, events, evaluator, longRunning)
	}
	audited := handler
	handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		if attrs, err = filters.GetAuthorizerAttributes(r.Context()); err != nil {
			panic(err)
		}
		audited.ServeHTTP(w, r)
	})
	handler = filters.WithRequestInfo(handler, infos)
	handler = filters.WithAuditInit(handler)
	r := httptest.NewRequest(c.Method, c.Path, nil)
	ctx := audit.WithAuditContext(context.Background())
	if !c.Unauthenticated {
		ctx = request.WithUser(ctx, &user.DefaultInfo{Name: c.User, Groups: c.Groups})
	}
	handler.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
	return attrs, events.seen
}

func edgeCases(text []byte, out *json.Encoder) error {
	var cases []edgeCase
	if err := yaml.UnmarshalStrict(text, &cases); err != nil {
		return err
	}
	for _, c := range cases {
		answer := edgeAnswer{Name: c.Name}
		// The files leave out what is the same in each.
		loaded, err := load("apiVersion: audit.k8s.io/v1\nkind: Policy\n" + c.Policy)
		if err != nil {
			why := strings.TrimSpace(err.Error())
			answer.Refused = &why
		} else {
			if c.User == "" {
				c.User, c.Groups = "somebody", append(c.Groups, "system:authenticated")
			}
			attrs, seen := serve(loaded, c)
			d := decide(loaded, attrs)
			d.Stages = seen
			answer.decision = &d
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

type generated struct {
	Policy   json.RawMessage `json:"policy"`
	Requests []attributes    `json:"requests"`
}

type attributes struct {
	User        *string  `json:"user"`
	Groups      []string `json:"groups"`
	Verb        string   `json:"verb"`
	Group       string   `json:"group"`
	Resource    string   `json:"resource"`
	Subresource string   `json:"subresource"`
	Namespace   string   `json:"namespace"`
	Name        string   `json:"name"`
	Path        *string  `json:"path"`
}

func (a attributes) record() authorizer.Attributes {
	record := authorizer.AttributesRecord{
		Verb: a.Verb, APIGroup: a.Group, Resource: a.Resource, Subresource: a.Subresource,
		Namespace: a.Namespace, Name: a.Name, ResourceRequest: a.Path == nil,
	}
	if a.User != nil {
		record.User = &user.DefaultInfo{Name: *a.User, Groups: a.Groups}
	}
	if a.Path != nil {
		record.Path = *a.Path
	}
	return record
}

// answerGenerated answers each line with null where the policy is refused, and
// otherwise with one array a request: level, rule, omitted stages, managed fields.
func answerGenerated(in *bufio.Reader, out *json.Encoder) error {
	lines := json.NewDecoder(in)
	for {
		var line generated
		if err := lines.Decode(&line); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		loaded, err := load(string(line.Policy))
		if err != nil {
			if err := out.Encode(nil); err != nil {
				return err
			}
			continue
		}
		answers := make([][]any, 0, len(line.Requests))
		for _, r := range line.Requests {
			d := decide(loaded, r.record())
			answers = append(answers, []any{d.Level, d.Rule, d.OmitStages, d.OmitManagedFields})
		}
		if err := out.Encode(answers); err != nil {
			return err
		}
	}
}

// replay reads a log as a Go program would that has nothing but upstream's types
// and checker, and counts events by the level that the policy gives them.
func replay(policyFile, log string, out *json.Encoder) error {
	text, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	loaded, err := load(string(text))
	if err != nil {
		return err
	}
	evaluator := policy.NewPolicyRuleEvaluator(loaded)
	file, err := os.Open(log)
	if err != nil {
		return err
	}
	defer file.Close()
	levels := map[auditinternal.Level]int{"None": 0, "Metadata": 0, "Request": 0, "RequestResponse": 0}
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 8<<20)
	for lines.Scan() {
		var event auditv1.Event
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return err
		}
		path, _, _ := strings.Cut(event.RequestURI, "?")
		if decoded, err := url.PathUnescape(path); err == nil {
			path = decoded
		}
		record := authorizer.AttributesRecord{Verb: event.Verb, Path: path, ResourceRequest: event.ObjectRef != nil}
		if event.User.Username != "" || len(event.User.Groups) > 0 {
			record.User = &user.DefaultInfo{Name: event.User.Username, Groups: event.User.Groups}
		}
		if object := event.ObjectRef; object != nil {
			record.APIGroup, record.Resource, record.Subresource = object.APIGroup, object.Resource, object.Subresource
			record.Namespace, record.Name = object.Namespace, object.Name
		}
		levels[evaluator.EvaluatePolicyRule(record).Level]++
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return out.Encode(levels)
}

func run() error {
	if len(os.Args) != 3 && !(len(os.Args) == 4 && os.Args[1] == "replay") {
		return fmt.Errorf("usage: audit-policy edge-cases|generated FILE, or replay POLICY LOG")
	}
	// Fallbacks to lenient decoding are logged, and not what is asked here.
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	writer := bufio.NewWriter(os.Stdout)
	defer writer.Flush()
	out := json.NewEncoder(writer)
	out.SetEscapeHTML(false)
	if os.Args[1] == "replay" {
		return replay(os.Args[2], os.Args[len(os.Args)-1], out)
	}
	file, err := os.Open(os.Args[2])
	if err != nil {
		return err
	}
	defer file.Close()
	switch os.Args[1] {
	case "edge-cases":
		text, err := io.ReadAll(file)
		if err != nil {
			return err
		}
		return edgeCases(text, out)
	case "generated":
		return answerGenerated(bufio.NewReader(file), out)
	default:
		return fmt.Errorf("no such question: %s", os.Args[1])
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "audit-policy:", err)
		os.Exit(1)
	}
}
