package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"wxswitch/banks"
	"wxswitch/codec"
	switching "wxswitch/switch"
	"wxswitch/switch/api"
	"wxswitch/switch/api/client"
	"wxswitch/switch/api/frontapi"
	"wxswitch/switch/customer"
)

func specification(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// The document is OpenAPI, and each example in it keeps its own schema.
func TestSpecificationAndItsExamples(t *testing.T) {
	doc := specification(t)
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()); err != nil {
		t.Fatal(err)
	}
	var examples int
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if op.RequestBody != nil {
				examples += exampleCount(op.RequestBody.Value.Content)
			}
			for _, response := range op.Responses.Map() {
				examples += exampleCount(response.Value.Content)
			}
		}
	}
	if examples < 20 {
		t.Errorf("only %d examples", examples)
	}
	answer := doc.Components.Schemas["Answer"].Value
	if answer.VisitJSON(map[string]any{"id": "x"}) == nil {
		t.Error("the validator passes anything")
	}
}

func exampleCount(content openapi3.Content) (n int) {
	for _, media := range content {
		n += len(media.Examples)
		if media.Example != nil {
			n++
		}
	}
	return n
}

// The examples of problems are those of the table.
func TestExamplesOfProblems(t *testing.T) {
	page := html.UnescapeString(open(t, nil).call("GET", "/problems", "", "").body)
	for name, example := range specification(t).Components.Responses["Problem"].Value.Content["application/problem+json"].Examples {
		p := example.Value.Value.(map[string]any)
		row := fmt.Sprintf("<code>%s</code><td>%v<td>%s<td>%s: ", p["code"], p["status"], p["retry"], p["title"])
		if p["pointer"] == nil { // else its detail is its own
			row += p["detail"].(string) + "."
		}
		if !strings.Contains(page, row) {
			t.Errorf("%s: no problem has %s", name, row)
		}
	}
}

// The examples of requests are what the door takes.
func TestExamplesOfRequests(t *testing.T) {
	d := openFull(t, nil)
	doc := specification(t)
	for name, example := range doc.Paths.Find("/v1/transactions").Post.RequestBody.Value.Content["application/json"].Examples {
		body, err := json.Marshal(example.Value.Value)
		if err != nil {
			t.Fatal(err)
		}
		answer := d.call("POST", "/v1/transactions", bankToken, string(body), "Idempotency-Key", "k-"+name)
		answer.ok(t, &api.Answer{})
	}
}

// What the door answers keeps the schema.
func TestAnswersKeepTheSpecification(t *testing.T) {
	doc := specification(t)
	d := openFull(t, func(o *api.Options) {
		o.Banks = func() []banks.Status {
			return []banks.Status{{Bank: "klb", Breaker: "closed", Links: []banks.LinkStatus{{Name: "l", State: banks.LinkDown, Since: now}}}}
		}
	})
	for _, c := range calls {
		token := bankToken
		if !c.bank {
			token = opsToken
		}
		answer := d.call(c.method, c.path, token, c.body)
		item := doc.Paths.Find(pathOf(c.path))
		if item == nil {
			t.Fatalf("no path for %s", c.path)
		}
		d.keeps(item.GetOperation(c.method).Responses.Status(http.StatusOK).Value.Content["application/json"], answer)
	}
	problem := doc.Components.Responses["Problem"].Value.Content["application/problem+json"]
	d.keeps(problem, d.call("POST", "/v1/transactions", bankToken, `{"type":1}`))
	d.keeps(problem, d.call("GET", "/v1/banks", "", ""))
}

var number = regexp.MustCompile(`/\d+`)

func pathOf(path string) string { return number.ReplaceAllString(path, "/{id}") }

func (d *door) keeps(media *openapi3.MediaType, answer reply) {
	d.t.Helper()
	var v any
	if err := json.Unmarshal([]byte(answer.body), &v); err != nil {
		d.t.Fatal(err)
	}
	if err := media.Schema.Value.VisitJSON(v, openapi3.EnableFormatValidation()); err != nil {
		d.t.Errorf("%s: %v", answer.body, err)
	}
}

// named sees that the specification names the problem for the operation.
func named(t *testing.T, method, path, code string) {
	t.Helper()
	item := specification(t).Paths.Find(pathOf(path))
	if item == nil || !strings.Contains(item.GetOperation(method).Description, "`"+code+"`") {
		t.Errorf("openapi.yaml does not name %s for %s %s", code, method, path)
	}
}

// What the journal refuses is named where it is asked.
func TestProblemsOfTheJournalAreNamed(t *testing.T) {
	d := openFull(t, nil)
	d.advices.err, d.sw.getErr = errors.New("disk gone"), errors.New("disk gone")
	d.call("GET", "/v1/transactions/12000123", bankToken, "").problem(t, "journal")
	named(t, "GET", "/v1/transactions/12000123", "journal")
	d.call("GET", "/v1/advices", opsToken, "").problem(t, "journal")
	named(t, "GET", "/v1/advices", "journal")
	for path, body := range map[string]string{"/v1/advices/41/retry": "", "/v1/advices/42/close": `{"reason":"r"}`} {
		for code, err := range map[string]error{"journal": errors.New("disk gone"), "outcome-unknown": switching.ErrCommitUnknown} {
			d.advices.err = err
			d.call("POST", path, opsToken, body).problem(t, code)
			named(t, "POST", path, code)
		}
	}
}

// Generated code is current.
func TestGeneratedIsCurrent(t *testing.T) {
	for _, folder := range []string{".", "client"} {
		committed, err := filepath.Glob(filepath.Join(folder, "*.gen.go"))
		if err != nil || len(committed) != 1 {
			t.Fatal(committed, err)
		}
		fresh := filepath.Join(t.TempDir(), "fresh.go")
		out, err := exec.CommandContext(t.Context(), "go", "tool", "oapi-codegen", //nolint:gosec // this repository's own files
			"-config", filepath.Join(folder, "generate.yaml"), "-o", fresh, "openapi.yaml").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if !bytes.Equal(read(t, fresh), read(t, committed[0])) {
			t.Errorf("%s is stale: go generate ./switch/api/...", committed[0])
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The client imports nothing of ours.
func TestClientStandsAlone(t *testing.T) {
	files, err := filepath.Glob("client/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if strings.HasPrefix(i.Path.Value, `"wxswitch`) {
				t.Errorf("%s imports %s", path, i.Path.Value)
			}
		}
	}
}

// Every reason of packages switching, customer, routing and banks has its row on the page
// of problems, and every problem stands in the specification.
func TestEveryReasonHasItsRow(t *testing.T) {
	page := open(t, nil).call("GET", "/problems", "", "").body
	reasons := reasonsIn(t, "..", "../customer", "../../routing", "../../banks")
	if len(reasons) < 60 {
		t.Fatalf("found only %q", reasons)
	}
	for _, reason := range reasons {
		if !strings.Contains(page, `<tr id="`+reason+`">`) {
			t.Errorf("no row for %q", reason)
		}
	}
	specification := string(read(t, "openapi.yaml"))
	for _, row := range regexp.MustCompile(`<tr id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !regexp.MustCompile(`[^a-z-]` + row[1] + `[^a-z-]`).MatchString(specification) {
			t.Errorf("openapi.yaml does not name %s", row[1])
		}
	}
}

// Every reason of package customer is somebody's answer: none is only promised, by
// its row and its words.
func TestEveryReasonIsGiven(t *testing.T) {
	uses, reasons := map[string]int{}, []string{}
	for _, file := range parsed(t, "../customer") {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if isReason(n.Type) {
					reasons = append(reasons, n.Names[0].Name)
					return false
				}
			case *ast.CompositeLit:
				_, words := n.Type.(*ast.MapType)
				return !words
			case *ast.Ident:
				uses[n.Name]++
			}
			return true
		})
	}
	for _, name := range reasons {
		if uses[name] == 0 {
			t.Errorf("nothing is refused as %s", name)
		}
	}
}

// reasonsIn finds the constants of type Reason.
func reasonsIn(t *testing.T, folders ...string) (reasons []string) {
	t.Helper()
	for _, folder := range folders {
		for _, file := range parsed(t, folder) {
			ast.Inspect(file, func(n ast.Node) bool {
				if spec, ok := n.(*ast.ValueSpec); ok {
					if isReason(spec.Type) {
						for _, v := range spec.Values {
							reasons = append(reasons, strings.Trim(v.(*ast.BasicLit).Value, `"`))
						}
					}
				}
				return true
			})
		}
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}

// parsed is the folder's program, without its tests.
func parsed(t *testing.T, folder string) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// isReason reports whether the type is Reason, here or in another package.
func isReason(kind ast.Expr) bool {
	if s, ok := kind.(*ast.SelectorExpr); ok {
		kind = s.Sel
	}
	name, ok := kind.(*ast.Ident)
	return ok && name.Name == "Reason"
}

// The generated client reads what the server says.
func TestGeneratedClient(t *testing.T) {
	d := openFull(t, nil)
	c, err := client.NewClientWithResponses(d.url, client.WithHTTPClient(d.http), client.WithRequestEditorFn(client.Bearer(bankToken)))
	if err != nil {
		t.Fatal(err)
	}
	timeout := client.RequestTimeout(2500)
	sent, err := c.CreateTransactionWithResponse(t.Context(),
		&client.CreateTransactionParams{IdempotencyKey: "k", RequestTimeout: &timeout},
		client.TransactionRequest{Type: client.TypeAuthenticate, Account: card, Certificate: &client.Certificate{Type: "01", Number: certNumber}})
	if err != nil || sent.JSON200 == nil || sent.JSON200.Outcome != client.AnswerOutcomeApproved || !sent.JSON200.Opened.Equal(now) {
		t.Fatal(err, sent)
	}
	if r := d.sw.last(t); r.Key != "k" || r.Timeout.Milliseconds() != 2500 || r.Fields.Get(codec.FieldCertNumber) != certNumber {
		t.Errorf("%+v", r)
	}
	stands, err := c.GetTransactionWithResponse(t.Context(), sent.JSON200.Id)
	if err != nil || stands.JSON200 == nil || stands.JSON200.Standing != client.TransactionStandingApproved {
		t.Fatal(err, stands)
	}
	d.sw.do = func(_ context.Context, r switching.Request) (switching.Result, error) {
		return ended(r, switching.End{Outcome: switching.Refused, Reason: switching.ReasonSettling}), nil
	}
	refused, err := c.CreateTransactionWithResponse(t.Context(), &client.CreateTransactionParams{},
		client.TransactionRequest{Type: client.TypeBalance, Account: card})
	if err != nil || refused.ApplicationproblemJSONDefault == nil {
		t.Fatal(err, refused)
	}
	if p := refused.ApplicationproblemJSONDefault; p.Code != "settling" || p.Status != 409 || p.Retry != client.ProblemRetryLater || p.Id != "12000123" {
		t.Errorf("%+v", p)
	}
}

// What the front's description shows of a notice is what the switch sends.
func TestTheFrontsExampleIsWhatIsSent(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromFile("frontapi/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	body := doc.Paths.Value("/v1/notices").Post.RequestBody.Value.Content["application/json"]
	written, err := json.Marshal(body.Examples["movement"].Value.Value)
	if err != nil {
		t.Fatal(err)
	}
	var n frontapi.Notice
	if err := json.Unmarshal(written, &n); err != nil {
		t.Fatal(err)
	}
	text := customer.NoticeText(switching.Notice{Kind: switching.NoticeKind(n.Kind), Data: n.Data, At: n.At},
		[]customer.Bank{{ID: "xjrcu", Name: "新疆农村信用社"}})
	if n.Text != text {
		t.Errorf("%s\nis %s", n.Text, text)
	}
}

// What a client did, and what banks must be told of it, keeps the schema, whatever
// its type.
func TestAnswersOfEveryTypeKeepTheSpecification(t *testing.T) {
	doc := specification(t)
	d := openFull(t, nil)
	schema := func(path string) *openapi3.MediaType {
		return doc.Paths.Find(path).Get.Responses.Status(http.StatusOK).Value.Content["application/json"]
	}
	for _, of := range slices.Concat(codec.Types(codec.Enquiry), codec.Types(codec.Change)) {
		e := ended(switching.Request{Client: "teller", Type: of}, switching.End{Outcome: switching.Approved}).Entry
		d.sw.entries[e.ID] = e
		d.keeps(schema("/v1/transactions/{id}"), d.call("GET", "/v1/transactions/12000123", bankToken, ""))
	}
	for _, of := range codec.Types(codec.Advice) {
		d.advices.rows[0].Type = of
		d.keeps(schema("/v1/advices"), d.call("GET", "/v1/advices", opsToken, ""))
	}
}
