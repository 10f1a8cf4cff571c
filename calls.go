package darktrace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/google/go-querystring/query"
)

// The typed methods call the functions below. opts is nil or a pointer to a struct
// with url tags. The pointer may be nil. Its type may have a method check.

// checker is implemented by options that can be invalid.
type checker interface{ check() error }

// valuesOf checks options and returns them as they are sent.
func valuesOf(opts any) (url.Values, error) {
	if opts == nil {
		return nil, nil
	}
	if v := reflect.ValueOf(opts); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, nil
	}
	if c, ok := opts.(checker); ok {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	return parameters(opts), nil
}

// parameters encodes options that were checked. Scores, the only fractions, have no
// exponent.
func parameters(opts any) url.Values {
	values, _ := query.Values(opts) // It fails only for values that are not structs.
	for name := range values {
		text := values.Get(name)
		if !strings.HasSuffix(name, "score") || !strings.Contains(text, "e-") {
			continue
		}
		if score, err := strconv.ParseFloat(text, 64); err == nil {
			values.Set(name, strconv.FormatFloat(score, 'f', -1, 64))
		}
	}
	return values
}

// encodeOptions encodes options as a query.
func encodeOptions(opts any) (string, error) {
	values, err := valuesOf(opts)
	return encodeQuery(values), err
}

// getList returns the objects of a list.
func getList[T any, P readable[T]](ctx context.Context, c *core, path string, opts any) ([]*T, error) {
	return collect(getEach[T, P](ctx, c, path, opts))
}

// getEach streams the objects of a list: each is yielded as soon as it has
// arrived. An error is yielded last, with a nil object.
func getEach[T any, P readable[T]](ctx context.Context, c *core, path string, opts any) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		query, err := encodeOptions(opts)
		if err == nil {
			err = stream(ctx, c, path, query, decoderOf[T, P](ctx), func(v *T) bool { return yield(v, nil) })
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// getOne returns an object, alone or in a list of one.
func getOne[T any, P readable[T]](ctx context.Context, c *core, path string, opts any) (*T, error) {
	return getParts(ctx, c, path, opts, decoderOf[T, P](ctx), nil, nil)
}

// getParts returns what join makes of the objects in a list, such as one for each
// master of a Unified View; more than one is an error if join is nil. For an empty
// list it returns none, or an error if that is nil.
func getParts[T any](ctx context.Context, c *core, path string, opts any, decode elementDecoder[T], none *T, join func(whole, part *T)) (*T, error) {
	query, err := encodeOptions(opts)
	if err != nil {
		return nil, err
	}
	whole, parts := none, 0
	_, r, err := first(ctx, c, &call{method: http.MethodGet, path: path, query: query}, known(decode), func(part *T) bool {
		if parts++; parts == 1 {
			whole = part
		} else if join != nil {
			join(whole, part)
		}
		return false // so that it sees every object
	})
	if err == nil && parts > 1 && join == nil {
		whole, err = nil, r.undecoded(fmt.Errorf("expected one object, not %d", parts))
	}
	if err != nil {
		return nil, err
	}
	return object(whole, r, nil)
}

// known returns a decoder that accepts an empty object and rejects one whose members
// all are unknown.
func known[T any](decode elementDecoder[T]) elementDecoder[T] {
	return func(element []byte) (*T, error) {
		v, err := decode(element)
		switch {
		case !errors.Is(err, errForeign):
			return v, err
		case firstByte(element[1:]) == '}':
			return v, nil
		}
		return nil, errors.New("the object has no known member")
	}
}

// orBare returns a decoder for an object with a list that an appliance may also send
// bare. wrap makes an object of an element of the list.
func orBare[T, E any](decode elementDecoder[T], bare elementDecoder[E], wrap func(*E) *T) elementDecoder[T] {
	return func(element []byte) (*T, error) {
		v, err := decode(element)
		if errors.Is(err, errForeign) {
			if e, err := bare(element); err == nil {
				return wrap(e), nil
			}
		}
		return v, err
	}
}

// addExtra adds to Extra what only another part of the response has.
func addExtra(whole *map[string]json.RawMessage, part map[string]json.RawMessage) {
	for name, value := range part {
		if _, there := (*whole)[name]; !there {
			if *whole == nil {
				*whole = map[string]json.RawMessage{}
			}
			(*whole)[name] = value
		}
	}
}

// post sends a request with a body and returns the object of its response, or
// the first one of a list.
func post[T any, P readable[T]](ctx context.Context, c *core, r *Request) (*T, error) {
	k, err := r.call()
	if err != nil {
		return nil, err
	}
	return object(first(ctx, c, k, objectOf[T, P](ctx), anyElement))
}

// postList sends a request with a body that reads. It returns the objects of a list,
// and how many elements it has, objects or not.
func postList[T any, P readable[T]](ctx context.Context, c *core, r *Request) (list []*T, given int, err error) {
	reply, err := c.call(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	list = []*T{}
	err = decodeReply(ctx, reply, decoderOf[T, P](ctx), func(v *T) bool {
		list = append(list, v)
		return true
	})
	reply.done(err)
	if err != nil {
		return nil, 0, err
	}
	var elements []json.RawMessage
	_ = json.Unmarshal(reply.data, &elements) // It may be an object.
	return list, max(len(list), len(elements)), nil
}

// oneOrNone is post for requests whose response may be empty: nothing was found,
// or the write was carried out.
func oneOrNone[T any, P readable[T]](ctx context.Context, c *core, r *Request) (*T, error) {
	reply, err := c.call(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(reply.data)) == 0 || reply.call.write() && succeeded(reply.data) {
		reply.done(nil)
		return new(T), nil
	}
	found, err := firstOf(ctx, reply, objectOf[T, P](ctx), anyElement)
	return object(found, reply, err)
}

// getInto decodes a response into out, which is not an object of this package.
func getInto(ctx context.Context, c *core, path string, opts, out any) error {
	values, err := valuesOf(opts)
	if err != nil {
		return err
	}
	return c.do(ctx, &Request{Path: path, Query: values}, out)
}

// getTexts returns the elements of a list of texts.
func getTexts(ctx context.Context, c *core, path string, opts any) ([]string, error) {
	query, err := encodeOptions(opts)
	if err != nil {
		return nil, err
	}
	texts := []string{}
	err = stream(ctx, c, path, query, decodeText, func(text *string) bool {
		texts = append(texts, *text)
		return true
	})
	if err != nil {
		return nil, err
	}
	return texts, nil
}

// call sends a request that is not streamed.
func (c *core) call(ctx context.Context, r *Request) (*reply, error) {
	k, err := r.call()
	if err != nil {
		return nil, err
	}
	return c.send(ctx, k)
}

func anyElement[T any](*T) bool { return true }

// object returns an error in place of a nil object: the response was not
// understood.
func object[T any](v *T, r *reply, err error) (*T, error) {
	if v == nil && err == nil {
		err = r.undecoded(errors.New("the response contains no object"))
	}
	r.done(err)
	return v, err
}

// first returns the first object of a response for which wanted returns true; nil
// if there is none. An appliance that ignores an unknown parameter returns other
// objects.
func first[T any](ctx context.Context, c *core, k *call, decode elementDecoder[T], wanted func(*T) bool) (found *T, r *reply, err error) {
	if r, err = c.send(ctx, k); err != nil {
		return nil, nil, err
	}
	if found, err = firstOf(ctx, r, decode, wanted); err != nil {
		return nil, nil, err
	}
	return found, r, nil
}

func firstOf[T any](ctx context.Context, r *reply, decode elementDecoder[T], wanted func(*T) bool) (found *T, err error) {
	err = decodeReply(ctx, r, decode, func(v *T) bool {
		if found == nil && wanted(v) {
			found = v
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// lookUp is first for an object that must exist: if there is none, it returns
// ErrNotFound.
func lookUp[T any](ctx context.Context, c *core, k *call, decode elementDecoder[T], id string, wanted func(*T) bool) (*T, error) {
	return lookUpNamed(ctx, c, k, decode, "object with id "+id, wanted)
}

// lookUpNamed is lookUp for an object that name describes.
func lookUpNamed[T any](ctx context.Context, c *core, k *call, decode elementDecoder[T], name string, wanted func(*T) bool) (*T, error) {
	found, r, err := first(ctx, c, k, decode, wanted)
	r.done(nil)
	if found == nil && err == nil {
		err = r.failed(ErrNotFound, "no "+name, nil)
	}
	return found, err
}

// getByID returns the object with an id, from a list or alone. An object without
// an id counts if the response holds nothing else: not every appliance repeats the
// id. If there is no such object, getByID returns ErrNotFound.
func getByID[T any, P readable[T], V comparable](ctx context.Context, c *core, path string, opts any, wanted V, id func(P) V) (*T, error) {
	query, err := encodeOptions(opts)
	if err != nil {
		return nil, err
	}
	var none V
	var nameless *T
	elements, decode := 0, decoderOf[T, P](ctx)
	k := &call{method: http.MethodGet, path: path, query: query}
	found, err := lookUp(ctx, c, k, func(element []byte) (*T, error) {
		v, err := decode(element)
		if elements++; err == nil && id(v) == none {
			nameless = v
		}
		return v, err
	}, fmt.Sprint(wanted), func(v *T) bool { return id(v) == wanted })
	if elements == 1 && nameless != nil && errors.Is(err, ErrNotFound) {
		return nameless, nil
	}
	return found, err
}

// stream sends a GET request and yields the elements of its response as they
// arrive.
func stream[T any](ctx context.Context, c *core, path, query string, decode elementDecoder[T], yield func(*T) bool) (err error) {
	reply, err := c.send(ctx, &call{method: http.MethodGet, path: path, query: query, stream: true})
	if err != nil {
		return err
	}
	defer func() { reply.finish(err) }() // Also if the body of a loop panics.
	return decodeReply(ctx, reply, decode, yield)
}

// decodeReply yields the elements of a reply. Elements that are not objects are
// skipped and logged.
func decodeReply[T any](ctx context.Context, r *reply, decode elementDecoder[T], yield func(*T) bool) error {
	cancelled := false
	var body io.Reader = r
	if !r.call.stream {
		body = whole(ctx, r.data)
	}
	err := decodeStream(body, decode, func(i int, element []byte, why error) error {
		if !errors.Is(why, errForeign) {
			r.client.log(ctx, slog.LevelWarn, "darktrace: skipped an element that is not an object", r.call, "element", i)
			return nil
		}
		part := response{ctx: ctx, area: r.call.area()}
		if verdict := part.verdict(element); !r.call.write() && verdict.failed(false) != "" { // A master of a Unified View reports it in place of its elements.
			return errors.New("a part of it reports a failure")
		}
		return nil
	}, func(v *T) bool {
		if cancelled = ctx.Err() != nil; cancelled {
			return false
		}
		return yield(v)
	})
	switch {
	case cancelled, err != nil && ctx.Err() != nil:
		return r.broken(ErrConnection, "", contextError(ctx))
	case errors.Is(err, errOverspent):
		return r.broken(ErrTooLarge, "", err)
	case err != nil:
		return r.undecoded(err)
	}
	return nil
}

// whole returns a reader of data, a complete response. Parsing can be cancelled if
// it takes long.
func whole(ctx context.Context, data []byte) io.Reader {
	body := bytes.NewBuffer(data) // which the parser does not copy
	if quick(data) {
		return body
	}
	return cancellable{ctx, body}
}

func quick(data []byte) bool { return len(data) <= 1<<20 }

type cancellable struct {
	ctx  context.Context
	data *bytes.Buffer
}

func (c cancellable) Read(p []byte) (int, error) {
	const often = 64 << 10
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.data.Read(p[:min(len(p), often)])
}

// byID returns a look-up by id. It saves the cost of encoding options.
func (c *core) byID(path, key, id string) *call {
	rest := "includeacknowledged=true"
	if c.locale != "" {
		rest += "&locale=" + string(c.locale)
	}
	query := rest + "&" + key + "=" + id
	if key == "groupid" { // Keys are sent sorted.
		query = "groupid=" + id + "&" + rest
	}
	return &call{method: http.MethodGet, path: path, query: query}
}

// list is a list endpoint, and what to request from it: everything that the query
// matches, or certain ids.
type list[T any] struct {
	path    string
	query   map[string][]string
	decode  func(ctx waiter, keepRaw bool) elementDecoder[T] // a decoder for one response
	keepRaw bool
	key     string                           // the parameter that holds ids
	ids     []string                         // the ids to request; empty = everything that matches
	names   func(*T) (id string, _ []string) // an element's identity, and the ids that select it
}

// idsPerRequest keeps a URL shorter than the limits of proxies.
const idsPerRequest = 50

// each yields every element once. It sends ids as comma lists. Ids that a list does
// not return are requested one by one, since not every appliance accepts lists.
func (l *list[T]) each(ctx context.Context, c *core, yield func(*T) bool) error {
	if len(l.ids) == 0 {
		return l.stream(ctx, c, yield)
	}
	missing, seen := map[string]bool{}, map[string]bool{}
	stopped := false
	request := func(ids ...string) error {
		l.query[l.key] = []string{strings.Join(ids, ",")}
		return l.stream(ctx, c, func(element *T) bool {
			id, names := l.names(element)
			for _, name := range names {
				delete(missing, name)
			}
			if seen[id] {
				return true
			}
			seen[id] = true
			stopped = !yield(element)
			return !stopped
		})
	}
	ids := unique(l.ids)
	for _, id := range ids {
		missing[id] = true
	}
	for begin := 0; begin < len(ids); begin += idsPerRequest {
		chunk := ids[begin:min(begin+idsPerRequest, len(ids))]
		if err := request(chunk...); stopped || err != nil && (len(chunk) == 1 || !errors.Is(err, ErrInput)) {
			return err
		}
		for _, id := range chunk {
			if len(chunk) == 1 || !missing[id] {
				continue
			}
			if err := request(id); stopped || err != nil {
				return err
			}
		}
	}
	return nil
}

// stream sends one request and yields the elements of its response.
func (l *list[T]) stream(ctx context.Context, c *core, yield func(*T) bool) error {
	return stream(ctx, c, l.path, encodeQuery(l.query), l.decode(ctx, l.keepRaw), yield)
}

// collect returns the elements as a list. If there is an error, it returns the
// elements before it as well.
func collect[T any](elements iter.Seq2[*T, error]) ([]*T, error) {
	list := []*T{}
	for element, err := range elements {
		if err != nil {
			if len(list) == 0 {
				return nil, err
			}
			return list, err
		}
		list = append(list, element)
	}
	return list, nil
}

// pathOf builds an escaped path of segments.
func pathOf(segments ...any) string {
	var b strings.Builder
	for _, segment := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(fmt.Sprint(segment)))
	}
	return b.String()
}
