package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// maxBody bounds a request's body.
const maxBody = 64 << 10

// operation is what the door must know of one.
type operation struct {
	name   string
	scopes []Scope
	body   *shape // nil for none
	own    bool   // not generated; see type server
	// follower: comes in the name of a follower; see serve
	follower bool
	told     bool // by the platform, of the follower, who does not ask it
	counts   *counts
}

// operations are those of openapi.yaml, by pattern.
var operations = map[string]operation{
	"POST /v1/transactions":       {name: "transact", scopes: []Scope{ScopeBank}, body: shapeFor[TransactionRequest](), own: true},
	"GET /v1/transactions/{id}":   {name: "transaction", scopes: []Scope{ScopeBank}},
	"POST /v1/routes/explain":     {name: "explain", scopes: []Scope{ScopeBank, ScopeOperate}, body: shapeFor[RouteQuestion]()},
	"POST /v1/routes/reload":      {name: "reload", scopes: []Scope{ScopeOperate}},
	"GET /v1/banks":               {name: "banks", scopes: []Scope{ScopeOperate}},
	"GET /v1/advices":             {name: "advices", scopes: []Scope{ScopeOperate}},
	"POST /v1/advices/{id}/retry": {name: "advice-retry", scopes: []Scope{ScopeOperate}},
	"POST /v1/advices/{id}/close": {name: "advice-close", scopes: []Scope{ScopeOperate}, body: shapeFor[AdviceClose]()},
	"GET /openapi.yaml":           {name: "page"},
	"GET /problems":               {name: "page"},

	"GET /v1/page-key":                       {name: "page-key", scopes: front},
	"GET /v1/choices":                        {name: "choices", scopes: front},
	"GET /v1/customer":                       {name: "customer", scopes: front, follower: true},
	"POST /v1/customer/follow":               {name: "follow", scopes: front, follower: true, told: true},
	"POST /v1/customer/unfollow":             {name: "unfollow", scopes: front, follower: true, told: true},
	"GET /v1/customer/codes":                 {name: "codes", scopes: front, follower: true},
	"POST /v1/customer/codes":                {name: "code", scopes: front, follower: true, body: shapeFor[CodeRequest]()},
	"POST /v1/customer/authentication":       {name: "authenticate", scopes: front, follower: true, body: shapeFor[Authentication]()},
	"POST /v1/customer/deregistration":       {name: "deregister", scopes: front, follower: true},
	"POST /v1/customer/session":              {name: "login", scopes: front, follower: true, body: shapeFor[LoginRequest]()},
	"DELETE /v1/customer/session":            {name: "logout", scopes: front, follower: true},
	"POST /v1/customer/passwords":            {name: "passwords", scopes: front, follower: true, body: shapeFor[Passwords]()},
	"POST /v1/customer/passwords/reset":      {name: "password-reset", scopes: front, follower: true, body: shapeFor[PasswordReset]()},
	"GET /v1/customer/accounts":              {name: "accounts", scopes: front, follower: true},
	"POST /v1/customer/accounts":             {name: "attach", scopes: front, follower: true, body: shapeFor[Attachment]()},
	"POST /v1/customer/accounts/{id}/detach": {name: "detach", scopes: front, follower: true},
	"GET /v1/customer/accounts/{id}/details": {name: "details", scopes: front, follower: true},
	"GET /v1/customer/balances":              {name: "balances", scopes: front, follower: true},
	"POST /v1/customer/visits":               {name: "visit", scopes: front, follower: true, body: shapeFor[VisitRequest]()},
	"GET /v1/customer/talk":                  {name: "talk", scopes: front, follower: true},
	"PUT /v1/customer/talk":                  {name: "talk-put", scopes: front, follower: true, body: shapeFor[TalkValue]()},
	"DELETE /v1/customer/talk":               {name: "talk-end", scopes: front, follower: true},
	"PUT /v1/kept":                           {name: "kept-put", scopes: front, body: shapeFor[KeptValue]()},
	"POST /v1/kept/first":                    {name: "kept-first", scopes: front, body: shapeFor[KeptValue]()},
	"POST /v1/kept/take":                     {name: "kept-take", scopes: front, body: shapeFor[KeptName]()},
	"POST /v1/places/nearest":                {name: "nearest", scopes: front, body: shapeFor[Location]()},
	"GET /v1/places/branches/{id}":           {name: "branch", scopes: front},
	"POST /v1/notices/{id}/delivery":         {name: "delivery", scopes: front, body: shapeFor[Delivery]()},

	"GET /v1/notices":                 {name: "notices", scopes: []Scope{ScopeOperate}},
	"POST /v1/notices/{id}/resend":    {name: "notice-resend", scopes: []Scope{ScopeOperate}},
	"POST /v1/notices/{id}/discard":   {name: "notice-discard", scopes: []Scope{ScopeOperate}, body: shapeFor[OperatorReason]()},
	"POST /v1/customers/show":         {name: "customer-show", scopes: []Scope{ScopeOperate}, body: shapeFor[CustomerQuestion]()},
	"POST /v1/customers/{id}/freeze":  {name: "customer-freeze", scopes: []Scope{ScopeOperate}, body: shapeFor[OperatorReason]()},
	"POST /v1/customers/{id}/release": {name: "customer-release", scopes: []Scope{ScopeOperate}, body: shapeFor[OperatorReason]()},
}

// front is whose the customers' operations are.
var front = []Scope{ScopeCustomer}

func shapeFor[T any]() *shape { return shapeOf(reflect.TypeFor[T]()) }

// mux registers the generated routes, each behind the door.
type mux struct {
	*http.ServeMux
	api     *API
	methods map[string][]string // by path
}

// HandleFunc registers an operation; one that the table does not have is a
// mistake of the program.
func (m *mux) HandleFunc(pattern string, handle func(http.ResponseWriter, *http.Request)) {
	op, known := operations[pattern]
	if !known {
		panic("api: no operation " + pattern)
	}
	op.counts = m.api.metrics.of(op.name)
	m.ServeMux.HandleFunc(pattern, m.api.guard(&op, handle))
	method, path, _ := strings.Cut(pattern, " ")
	m.methods[path] = append(m.methods[path], method)
}

// routes is every path of the API.
func (a *API) routes() http.Handler {
	m := &mux{ServeMux: http.NewServeMux(), api: a, methods: make(map[string][]string)}
	strict := NewStrictHandlerWithOptions(operationsOf{API: a}, []StrictMiddlewareFunc{a.serve}, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  a.fail,
		ResponseErrorHandlerFunc: a.fail,
	})
	HandlerWithOptions(server{strict, a}, StdHTTPServerOptions{BaseRouter: m, ErrorHandlerFunc: a.fail})
	m.HandleFunc("GET /openapi.yaml", page("application/yaml", openAPI))
	m.HandleFunc("GET /problems", page("text/html; charset=utf-8", problemsPage))
	nowhere := operation{name: "none", counts: a.metrics.of("none")}
	for at, methods := range m.methods {
		wrong := refuse(codeMethodNotAllowed)
		wrong.allow = strings.Join(methods, ", ")
		m.ServeMux.HandleFunc(at, a.guard(&nowhere, a.always(wrong)))
	}
	lost := a.guard(&nowhere, a.always(refuse(codeNotFound)))
	m.ServeMux.HandleFunc("/", lost)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// ServeMux would lead elsewhere from a path that is not clean, past the door.
		if !isClean(r.URL.EscapedPath()) {
			lost(w, r)
			return
		}
		m.ServeHTTP(w, r)
	})
}

// isClean reports whether ServeMux takes the path as it is; / may end one, and * is
// none.
func isClean(p string) bool {
	clean := path.Clean(p)
	return strings.HasPrefix(p, "/") && (p == clean || p == clean+"/" && clean != "/")
}

func (a *API) always(r *refusal) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) { a.fail(w, request, r) }
}

func page(contentType string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(content)
	}
}

// guard is the door of one operation: place, client, scope, body. What anybody
// may ask takes no place: net/http waits where it writes, for who sends half a body
// or takes no answer, and a stranger would keep the callers out.
func (a *API) guard(op *operation, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := &answer{ResponseWriter: w, limit: a.Limits.Write, op: op}
		defer a.finish(answer, r)
		if op.scopes != nil {
			select {
			case a.places <- struct{}{}:
				defer func() { <-a.places }()
			default:
				a.fail(answer, r, refuse(codeBusy))
				return
			}
		}
		a.metrics.inFlight.Inc()
		defer a.metrics.inFlight.Dec()
		if refused := a.admit(answer, r); refused != nil {
			a.fail(answer, r, refused)
			return
		}
		if op.own {
			next(answer, r)
			return
		}
		next(answer, answer.handOn(r))
	}
}

// admit checks who asks and what.
func (a *API) admit(w *answer, r *http.Request) (refused *refusal) {
	if w.op.scopes == nil {
		return nil
	}
	if w.client, refused = a.authenticate(r); refused != nil {
		return refused
	}
	if !w.client.allows(w.op.scopes) {
		return refuse(codeScopeMissing)
	}
	if refused = w.readBody(r); refused != nil {
		return refused
	}
	// What cannot be read would be left out: a filter less, and more is shown.
	if r.URL.RawQuery != "" {
		if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
			return refuseBecause(codeParameterInvalid, "the query is wrong")
		}
	}
	if w.op.body == nil {
		return nil
	}
	var into reflect.Value
	if w.op.own {
		into = reflect.ValueOf(&w.request).Elem()
	}
	return w.op.body.read(w.body.Bytes(), into)
}

// readBody reads the whole body. Server's read timeout bounds it.
func (w *answer) readBody(r *http.Request) *refusal {
	if r.ContentLength > maxBody {
		return refuse(codeBodyTooLarge)
	}
	w.body.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead)
	_, err := w.body.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(codeBodyTimeout)
	case err != nil:
		return refuseField("", "cannot be read")
	case w.body.Len() > maxBody:
		return refuse(codeBodyTooLarge)
	case w.op.body == nil && w.body.Len() > 0:
		return refuseField("", "this operation takes none")
	case w.op.body != nil && !isJSON(r.Header["Content-Type"]):
		return refuse(codeContentType)
	}
	return nil
}

// handOn gives the generated handlers what they take: a request whose context
// has the client, and a body.
func (w *answer) handOn(r *http.Request) *http.Request {
	r = r.WithContext(context.WithValue(r.Context(), clientKey{}, w.client))
	r.Body = io.NopCloser(&w.body)
	return r
}

func isJSON(contentType []string) bool {
	if len(contentType) == 0 {
		return false
	}
	if contentType[0] == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType[0])
	return err == nil && media == "application/json"
}

// answer is a response under way. It knows when the answer is ready, from where
// the time to take it counts, and keeps the status, who asked, and what.
type answer struct {
	http.ResponseWriter
	limit  time.Duration
	op     *operation
	status int
	client *Client // nil before it is known
	body   bytes.Buffer
	// request is what stands in the body, for server.CreateTransaction.
	request TransactionRequest
}

// WriteHeader sends the status.
func (w *answer) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	h := w.Header()
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	// A deadline that cannot be set leaves a caller that does not read to TCP.
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.limit))
	w.ResponseWriter.WriteHeader(status)
}

var noStore, noSniff = []string{"no-store"}, []string{"nosniff"}

// Write sends a part of the body.
func (w *answer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// finish counts the answer. A panic ends its own request only; what it said may
// hold a secret, so only its type and place are logged.
func (a *API) finish(w *answer, r *http.Request) {
	if v := recover(); v != nil {
		a.Log.Error().Str("operation", w.op.name).Type("panic", v).Bytes("stack", debug.Stack()).Msg("api: panic")
		if w.status != 0 {
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
		a.fail(w, r, refuse(codeInternal))
	}
	w.op.counts.add(w.status)
}

// fail answers an error: a problem as it is, a parameter's as such, and any
// other as one of ours. Only these are worth a warning: what a busy or a broken
// bank refuses stands in the transaction's own line, and comes in thousands.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	refused := asRefusal(err)
	if answer, ok := w.(*answer); ok {
		if answer.status != 0 { // the answer was on its way, and its caller has gone
			return
		}
		refused.tell(answer.op)
	}
	level := zerolog.DebugLevel
	if refused.Status == http.StatusInternalServerError {
		level = zerolog.WarnLevel
	}
	a.Log.WithLevel(level).Func(func(e *zerolog.Event) {
		if refused.Code == codeInternal {
			e.Err(err)
		}
		if answer, ok := w.(*answer); ok {
			e.Str("operation", answer.op.name)
			if answer.client != nil {
				e.Str("client", answer.client.ID)
			}
		}
	}).Str("code", refused.Code).Str("peer", r.RemoteAddr).Msg("api: refused")
	refused.write(w)
}

func asRefusal(err error) *refusal {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused
	}
	if refused = problemOf(err); refused != nil {
		return refused
	}
	var format *InvalidParamFormatError
	var count *TooManyValuesForParamError
	var header *RequiredHeaderError
	var query *RequiredParamError
	switch {
	case errors.As(err, &format):
		return refuseParameter(format.ParamName, false)
	case errors.As(err, &count):
		return refuseParameter(count.ParamName, false)
	case errors.As(err, &header):
		return refuseParameter(header.ParamName, true)
	case errors.As(err, &query):
		return refuseParameter(query.ParamName, true)
	}
	return refuse(codeInternal)
}

// refuseParameter refuses a parameter that is wrong, or missing.
func refuseParameter(name string, missing bool) *refusal {
	switch name {
	case "Idempotency-Key":
		if missing {
			return refuse(codeKeyMissing)
		}
		return refuse(codeKeyInvalid)
	case "Follower-Channel", "Follower-Subject":
		if missing {
			return refuse(codeFollowerMissing)
		}
		return refuse(codeFollowerInvalid)
	}
	return refuseBecause(codeParameterInvalid, "parameter "+name+" is wrong")
}
