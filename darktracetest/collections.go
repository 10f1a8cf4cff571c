package darktracetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/darktrace-go/darktrace/internal/fixtures"
)

// This file has the verbs of the operations that read and change collections: lists
// of objects that begin as a fixture and then keep what is done to them.
//
//	document(name)              returns the only object of a collection
//	list(name, filters…)        returns the objects that pass
//	pick(name, param, member)   returns all, or the one that the parameter names
//	get(name, key)              returns the object whose key is in the path
//	set(name, key, changes…)    gives it fixed values
//	update(name, key, fields…)  gives it values of the body
//	add(name, key, …)           makes an object from the body
//	remove(name, key)           removes the object whose key is in the path
//
// within, unique and until wrap a verb. Filters are equal, least, during and limit.

// collection returns the objects of a collection, which begins as a fixture.
func (s *Server) collection(name string) []object {
	if objects, ok := s.collections[name]; ok {
		return objects
	}
	data, err := fixtures.Files.ReadFile(name + ".json")
	if err != nil {
		s.fail("there is no collection %q", name)
	}
	objects, err := parseObjects(data)
	if err != nil {
		s.fail("collection %q: %v", name, err)
	}
	if name == "advancedsearch" {
		s.recent(objects)
	}
	s.collections[name] = objects
	return objects
}

// parseObjects reads one object or an array of them, and compacts them.
func parseObjects(data []byte) ([]object, error) {
	elements, err := elementsOf(data)
	if err != nil {
		return nil, err
	}
	objects := make([]object, len(elements))
	for i, raw := range elements {
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return nil, err
		}
		if objects[i], err = parseObject(compact.Bytes()); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// elementsOf splits a list, and leaves anything else as it is.
func elementsOf(data []byte) (elements []json.RawMessage, err error) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		return []json.RawMessage{data}, nil
	}
	err = json.Unmarshal(data, &elements)
	return elements, err
}

// Collection returns the current objects of a collection as a JSON array.
// Some of them are "modelbreaches", "mbcomments", "devices", "antigena", "tags",
// "models", "pcaps" and "status"; the others have the names of their endpoints. An
// unknown name fails the test. AddEvents adds the model alerts behind the events.
func (s *Server) Collection(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deriveAll()
	return encodeObjects(s.collection(name))
}

// SetCollection replaces the objects of a collection with a JSON object or an
// array of objects.
func (s *Server) SetCollection(name string, data []byte) error {
	objects, err := parseObjects(data)
	if err != nil {
		return fmt.Errorf("darktracetest: collection %q: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deriveAll()
	s.collections[name] = objects
	return nil
}

func encodeObjects(objects []object) []byte {
	var b bytes.Buffer
	_ = listResponse(objects, object.encode).body(&b)
	return b.Bytes()
}

// text is a member as text, a number as it is written; "" when it is absent or null.
func (o object) text(key string) string {
	if i := o.index(key); i >= 0 {
		return plain(o[i].value)
	}
	return ""
}

func (o object) number(key string) (float64, bool) {
	n, err := strconv.ParseFloat(o.text(key), 64)
	return n, err == nil
}

// with returns a copy with other values, because the original may be in use.
func (o object) with(changes ...member) object {
	changed := slices.Clone(o)
	for _, m := range changes {
		changed.set(m.key, m.value)
	}
	return changed
}

// cut returns the members that responsedata selects.
func (o object) cut(names []string) object {
	if names == nil {
		return o
	}
	return slices.DeleteFunc(slices.Clone(o), func(m member) bool { return !slices.Contains(names, m.key) })
}

// object responds with one object and list with an array. The objects have the
// members that responsedata selects, and are anonymised if the token is restricted.
func (s *Server) object(c *call, o object) response {
	return bytesResponse(http.StatusOK, "application/json", c.shown(o.cut(c.params.list("responsedata")).encode()))
}

func (s *Server) objects(c *call, objects []object) response {
	names := c.params.list("responsedata")
	return listResponse(objects, func(o object) []byte { return c.shown(o.cut(names).encode()) })
}

func (c *call) shown(raw []byte) []byte {
	if c.token.may(UnrestrictedDevices) {
		return raw
	}
	return newAnonymiser().hide(raw)
}

// notFound is the response to a read or write of an object that does not exist.
func (c *call) notFound(format string, args ...any) response {
	if c.Method != http.MethodGet {
		c.refuse(Failed, format, args...)
	}
	return jsonResponse(http.StatusNotFound, map[string]string{"error": "Not Found"})
}

// success is the response to a write that was carried out.
func (s *Server) success(c *call) response {
	c.CarriedOut = true
	return s.writeResponse(func(int64) map[string]string { return map[string]string{"response": "SUCCESS"} })
}

func document(name string) verb {
	return func(s *Server, c *call) response { return s.object(c, s.collection(name)[0]) }
}

// filter reads parameters and returns a condition for objects; nil if the
// parameters are absent.
type filter func(*call) func(object) bool

// equal compares a member with a parameter, or with each of a comma list.
func equal(param, key string) filter {
	return func(c *call) func(object) bool {
		values := c.params.list(param)
		if values == nil {
			return nil
		}
		return func(o object) bool { return slices.Contains(values, o.text(key)) }
	}
}

// least compares a number with a minimum.
func least(param, key string) filter {
	return func(c *call) func(object) bool {
		low := c.params.number(param, 0)
		return func(o object) bool {
			n, ok := o.number(key)
			return !ok || n >= low
		}
	}
}

// during compares a time with starttime and endtime, both included.
func during(key string) filter {
	return func(c *call) func(object) bool {
		start, end := c.params.integer("starttime"), c.params.integer("endtime")
		return func(o object) bool {
			n, ok := o.number(key)
			return ok && (start == nil || n >= float64(*start)) && (end == nil || n <= float64(*end))
		}
	}
}

// limit passes the first objects, as many as count says; put it last.
func limit() filter {
	return func(c *call) func(object) bool {
		left := c.params.integer("count")
		if left == nil {
			return nil
		}
		return func(object) bool {
			*left--
			return *left >= 0
		}
	}
}

// filtered returns the objects that pass all filters.
func (s *Server) filtered(c *call, name string, filters []filter) []object {
	found := slices.Clone(s.collection(name))
	for _, f := range filters {
		if passes := f(c); passes != nil {
			found = slices.DeleteFunc(found, func(o object) bool { return !passes(o) })
		}
	}
	return found
}

func list(name string, filters ...filter) verb {
	return func(s *Server, c *call) response {
		found := s.filtered(c, name, filters)
		return s.objects(c, found)
	}
}

// pick is list, but returns one object if a parameter names it.
func pick(name, param, key string, filters ...filter) verb {
	return func(s *Server, c *call) response {
		if c.params.text(param) == "" {
			return list(name, filters...)(s, c)
		}
		found := s.filtered(c, name, append([]filter{equal(param, key)}, filters...))
		switch {
		case len(found) == 0:
			return c.notFound("there is no %s=%s", param, c.params.text(param))
		case len(found) > 1:
			return s.objects(c, found)
		}
		return s.object(c, found[0])
	}
}

// at finds the object whose key is the variable of that name in the path.
func (s *Server) at(c *call, name, key string) int {
	return slices.IndexFunc(s.collection(name), func(o object) bool { return o.text(key) == c.vars[key] })
}

func get(name, key string) verb {
	return func(s *Server, c *call) response {
		i := s.at(c, name, key)
		if i < 0 {
			return c.notFound("there is no %s %s", key, c.vars[key])
		}
		return s.object(c, s.collection(name)[i])
	}
}

// change puts other values into the object of the path and returns SUCCESS.
func change(name, key string, changes func(*call) []member) verb {
	return func(s *Server, c *call) response {
		i := s.at(c, name, key)
		if i < 0 {
			return c.notFound("there is no %s %s", key, c.vars[key])
		}
		objects := slices.Clone(s.collection(name))
		objects[i] = objects[i].with(changes(c)...)
		s.collections[name] = objects
		return s.success(c)
	}
}

func set(name, key string, changes ...member) verb {
	return change(name, key, func(*call) []member { return changes })
}

func update(name, key string, fields ...string) verb {
	return change(name, key, func(c *call) []member { return c.members(fields) })
}

// members are the fields of the body that have these names.
func (c *call) members(names []string) []member {
	var all []member
	for _, name := range names {
		if value, ok := c.fields[name]; ok {
			all = append(all, member{name, value})
		}
	}
	return all
}

// add makes an object from a template and fields of the body, gives it the next
// number as its key, and returns it. The first of the fields is required.
func add(name, key, template string, fields ...string) verb {
	return func(s *Server, c *call) response {
		if c.text(fields[0]) == "" {
			return c.badInput("%s is missing", fields[0])
		}
		o, err := parseObject([]byte(template))
		if err != nil {
			s.fail("the template of %s: %v", name, err)
		}
		o = o.with(append(c.members(fields), member{key, mustJSON(s.next(name, key))})...)
		s.collections[name] = append(slices.Clip(s.collection(name)), o)
		c.CarriedOut = true
		return s.object(c, o)
	}
}

// next is a number that no object has as its key.
func (s *Server) next(name, key string) int64 {
	highest := 0.0
	for _, o := range s.collection(name) {
		n, _ := o.number(key)
		highest = max(highest, n)
	}
	return int64(highest) + 1
}

// remove removes the object of the path.
func remove(name, key string) verb {
	return func(s *Server, c *call) response {
		i := s.at(c, name, key)
		if i < 0 {
			return c.notFound("there is no %s %s", key, c.vars[key])
		}
		s.collections[name] = slices.Delete(slices.Clone(s.collection(name)), i, i+1)
		return s.success(c)
	}
}

// within returns an object with one member, which holds the response of a list
// verb.
func within(wrapper string, v verb) verb {
	return func(s *Server, c *call) response {
		a := v(s, c)
		if a.status == http.StatusOK {
			var b strings.Builder
			_ = a.body(&b)
			a = jsonResponse(a.status, map[string]json.RawMessage{wrapper: json.RawMessage(b.String())})
		}
		return a
	}
}

// unique rejects a body if another object has the same value of the field.
func unique(name, field string, v verb) verb {
	return func(s *Server, c *call) response {
		if slices.ContainsFunc(s.collection(name), func(o object) bool { return o.text(field) == c.text(field) }) {
			return c.badInput("there is a %s %q already", field, c.text(field))
		}
		return v(s, c)
	}
}

// until is an operation that newer versions no longer have.
func until(last Profile, v verb) verb {
	return func(s *Server, c *call) response {
		if s.cfg.profile > last {
			c.refuse(NoEndpoint, "%s has no such endpoint any more", s.cfg.profile)
			return redirect("/login")
		}
		return v(s, c)
	}
}
