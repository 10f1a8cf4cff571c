package darktrace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// TagService reads and changes the tags of devices, and the tags themselves. It
// is the field Tags of a [Client] and safe for concurrent use. See the example
// of [TagService.RemoveFromDevice].
type TagService service

// Tag is a tag for devices and users. A name such as "scope::name" is scoped: a
// device has at most one tag of each scope.
//
// Threat Visualizer API: GET /tags, GET /tags/entities.
type Tag struct {
	TID        int64   `json:"tid,omitzero"`          // Id.
	THID       int64   `json:"thid,omitzero"`         // Id of the revision.
	Name       string  `json:"name,omitzero"`         // Name.
	Restricted bool    `json:"restricted,omitzero"`   // It can't be changed or deleted.
	Referenced bool    `json:"isReferenced,omitzero"` // A model uses it, so that it can't be deleted.
	Expiry     int64   `json:"expiry,omitzero"`       // Default duration; 0 = permanent.
	Data       TagData `json:"data,omitzero"`         // Appearance and description.
	Extra      RawJSON `json:"-"`                     // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// TagData holds the appearance and the description of a tag.
type TagData struct {
	Auto        bool    `json:"auto,omitzero"`        // The system sets the tag.
	Color       *int64  `json:"color,omitzero"`       // Hue in degrees, 0 to 360; nil = the default.
	Description string  `json:"description,omitzero"` // Description.
	Visibility  string  `json:"visibility,omitzero"`  // "Public" or "".
	Extra       RawJSON `json:"-"`                    // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

// TagEntity is a device or a user that has a tag.
type TagEntity struct {
	TEID   int64   `json:"teid,omitzero"`        // Id of the assignment.
	TEHID  int64   `json:"tehid,omitzero"`       // Id of the assignment's revision.
	TID    int64   `json:"tid,omitzero"`         // Id of the tag.
	THID   int64   `json:"thid,omitzero"`        // Id of the tag's revision.
	Type   string  `json:"entityType,omitzero"`  // "Device" or "Credential".
	Value  string  `json:"entityValue,omitzero"` // Device id in decimal digits, or user name. The device may not exist.
	Valid  bool    `json:"valid,omitzero"`       // The assignment holds.
	Expiry Millis  `json:"expiry,omitzero"`      // When it ends; 0 = never.
	Extra  RawJSON `json:"-"`                    // What the fields above can't hold; see [RawJSON].

	unusual fieldSet
}

const tagEntitiesPath = "/tags/entities"

// OfDevice returns the tags of a device. If it has none, the list is empty.
//
// Threat Visualizer API: GET /tags/entities.
func (s *TagService) OfDevice(ctx context.Context, did int64) ([]*Tag, error) {
	if err := checkTaggable(did); err != nil {
		return nil, err
	}
	return getList[Tag](ctx, s.client(), tagEntitiesPath, &deviceTag{DID: did})
}

// Entities returns the devices and users with a tag. If there are none, the
// list is empty.
//
// Threat Visualizer API: GET /tags/entities.
func (s *TagService) Entities(ctx context.Context, name string) ([]*TagEntity, error) {
	if err := checkTagName(name); err != nil {
		return nil, err
	}
	return getList[TagEntity](ctx, s.client(), tagEntitiesPath, &deviceTag{Name: name})
}

// AddToDevice gives a device a tag for a duration, in whole seconds; 0 means
// the tag's own duration. Repeating it is harmless. A device has at most one
// tag of each scope, see [Tag]. It needs the permission "Edit Tags".
//
// Threat Visualizer API: POST /tags/entities.
func (s *TagService) AddToDevice(ctx context.Context, did int64, name string, ttl time.Duration) error {
	if err := firstError(checkTaggable(did), checkTagName(name), checkAgo("ttl", ttl)); err != nil {
		return err
	}
	form := url.Values{"did": {strconv.FormatInt(did, 10)}, "tag": {name}}
	if ttl != 0 {
		form.Set("duration", ago(ttl))
	}
	return s.client().do(ctx, &Request{Method: http.MethodPost, Path: tagEntitiesPath, Form: form}, nil)
}

// RemoveFromDevice removes a tag from a device. Some gateways send 502 although
// the tag was removed: if the outcome is unknown, RemoveFromDevice reads the
// tags of the device. It then returns nil if the tag is gone, ErrNotStored if
// it is still there, and ErrOutcomeUnknown if the tags can't be read. It needs
// the permission "Edit Tags".
//
// Threat Visualizer API: DELETE /tags/entities.
func (s *TagService) RemoveFromDevice(ctx context.Context, did int64, name string) error {
	if err := firstError(checkTaggable(did), checkTagName(name)); err != nil {
		return err
	}
	return s.client().deleteSettled(ctx, &Request{Path: tagEntitiesPath, Query: url.Values{"did": {strconv.FormatInt(did, 10)}, "tag": {name}}},
		fmt.Sprintf("device %d", did), func() (bool, error) {
			return lacks(ctx, s.client(), tagEntitiesPath, &deviceTag{DID: did}, func(t *Tag) string { return t.Name },
				func(found string) bool { return alike(found, name) })
		})
}

// deleteSettled sends a DELETE. If its outcome is unknown, it asks whether the
// object is gone. place names what would still have it.
func (c *core) deleteSettled(ctx context.Context, r *Request, place string, gone func() (bool, error)) error {
	r.Method = http.MethodDelete
	err := c.do(ctx, r, nil)
	if !errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	switch done, readErr := gone(); {
	case errors.Is(readErr, ErrNotFound): // The device or the user itself is gone.
	case readErr != nil:
		return failed(ErrOutcomeUnknown, r.Method, r.Path, "reading it back failed: "+unnamed(readErr), alsoEnded(ctx, err), c.redact)
	case !done:
		return failed(ErrNotStored, r.Method, r.Path, place+" still has it; the write failed with", err, c.redact)
	}
	return nil
}

// lacks reads a list and reports whether no element has an id that wanted accepts.
// An element without an id can be any element, so it is an error.
func lacks[T any, P readable[T], V comparable](ctx context.Context, c *core, path string, opts any, id func(P) V, wanted func(V) bool) (bool, error) {
	query, err := encodeOptions(opts)
	if err != nil {
		return false, err
	}
	gone, decode, none := true, decoderOf[T, P](ctx), *new(V)
	err = stream(ctx, c, path, query, func(element []byte) (*T, error) {
		v, err := decode(element)
		if errors.Is(err, errNotObject) || v != nil && id(v) == none {
			return nil, errors.New("the response has an element that can't be identified")
		}
		return v, err
	}, func(v *T) bool {
		gone = gone && !wanted(id(v))
		return true
	})
	return gone && err == nil, err
}

// deviceTag is the query for the tags of a device, or the devices of a tag.
type deviceTag struct {
	DID  int64  `url:"did,omitempty"`
	Name string `url:"tag,omitempty"`
}

func checkTaggable(did int64) error {
	if did == 0 {
		return argument("did", "is 0, which stands for everything external")
	}
	return nil
}

func checkTagName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return argument("name", "is empty")
	case !utf8.ValidString(name):
		return argument("name", "is not valid UTF-8")
	}
	return nil
}

// List returns all tags. Like the other methods that read tags, it needs one of
// the permissions "Visualizer", "Platform Accounts Console", "View Models",
// "Edit Models" and "Device Admin".
//
// Threat Visualizer API: GET /tags.
func (s *TagService) List(ctx context.Context) ([]*Tag, error) {
	return getList[Tag](ctx, s.client(), "/tags", nil)
}

// Get returns a tag by its id (tid). If the appliance has no such tag, Get returns
// ErrNotFound.
//
// Threat Visualizer API: GET /tags/{tid}.
func (s *TagService) Get(ctx context.Context, tagID int64) (*Tag, error) {
	return getByID(ctx, s.client(), pathOf("tags", tagID), nil, tagID, func(t *Tag) int64 { return t.TID })
}

// GetByName returns a tag by its name. If the appliance has no such tag, GetByName
// returns ErrNotFound.
//
// Threat Visualizer API: GET /tags.
func (s *TagService) GetByName(ctx context.Context, name string) (*Tag, error) {
	if err := checkTagName(name); err != nil {
		return nil, err
	}
	query, err := encodeOptions(&deviceTag{Name: name})
	if err != nil {
		return nil, err
	}
	return lookUpNamed(ctx, s.client(), &call{method: http.MethodGet, path: "/tags", query: query}, decoderOf[Tag](ctx), "tag named "+name,
		func(t *Tag) bool { return t.Name == name })
}

// Create creates a tag. Nil data means none. If a tag with this name exists,
// Create returns ErrInput. After ErrOutcomeUnknown, look for it with GetByName.
// It needs the permission "Edit Tags".
//
// Threat Visualizer API: POST /tags.
func (s *TagService) Create(ctx context.Context, name string, data *TagData) (*Tag, error) {
	if err := checkTagName(name); err != nil {
		return nil, err
	}
	return post[Tag](ctx, s.client(), &Request{Method: http.MethodPost, Path: "/tags", JSON: struct {
		Name string  `json:"name"`
		Data TagData `json:"data"`
	}{name, valueOf(data)}})
}

// Delete deletes a tag, and removes it from everything that has it. A tag that
// is restricted, or used by a model, can't be deleted. If the outcome is
// unknown, Delete reads back, as RemoveFromDevice does. It needs the permission
// "Edit Tags".
//
// Threat Visualizer API: DELETE /tags/{tid}.
func (s *TagService) Delete(ctx context.Context, tagID int64) error {
	return s.client().deleteSettled(ctx, &Request{Path: pathOf("tags", tagID)}, fmt.Sprintf("tag %d", tagID), func() (bool, error) {
		tags, err := getList[Tag](ctx, s.client(), pathOf("tags", tagID), nil)
		if err == nil && !slices.ContainsFunc(tags, func(t *Tag) bool { return t.TID == tagID }) {
			err = errors.New("the response is for another tag")
		}
		return false, err
	})
}

// TagEntities are the devices and users with a tag, and the devices in full.
//
// Threat Visualizer API: GET /tags/entities, GET /tags/{tid}/entities.
type TagEntities struct {
	Entities []*TagEntity               `json:"entities,omitzero"` // Devices and users.
	Devices  []*Device                  `json:"devices,omitzero"`  // The devices that still exist.
	Extra    map[string]json.RawMessage `json:"-"`                 // Fields that this type doesn't know, and those of an unexpected type; nil = none.
	Skipped  []string                   `json:"-"`                 // Paths of values of an unexpected type, at most 100; nil = none.

	unusual fieldSet
}

// EntitiesWithDevices returns the devices and users with a tag, and the devices
// in full.
//
// Threat Visualizer API: GET /tags/entities.
func (s *TagService) EntitiesWithDevices(ctx context.Context, name string) (*TagEntities, error) {
	if err := checkTagName(name); err != nil {
		return nil, err
	}
	decode := orBare(decoderOf[TagEntities](ctx), decoderOf[TagEntity](ctx), func(e *TagEntity) *TagEntities {
		return &TagEntities{Entities: []*TagEntity{e}}
	})
	return getParts(ctx, s.client(), tagEntitiesPath, &struct {
		deviceTag
		Full bool `url:"fulldevicedetails"`
	}{deviceTag{Name: name}, true}, decode, new(TagEntities), (*TagEntities).join)
}

// join adds the devices and users of another master.
func (t *TagEntities) join(part *TagEntities) {
	t.Entities = append(t.Entities, part.Entities...)
	t.Devices = append(t.Devices, part.Devices...)
	t.Skipped = append(t.Skipped, part.Skipped...)
	addExtra(&t.Extra, part.Extra)
}

// EntitiesOf returns the devices and users with a tag, by the id of the tag
// (tid). If the appliance has no such tag, EntitiesOf returns ErrNotFound.
//
// Threat Visualizer API: GET /tags/{tid}/entities.
func (s *TagService) EntitiesOf(ctx context.Context, tagID int64) ([]*TagEntity, error) {
	return getList[TagEntity](ctx, s.client(), pathOf("tags", tagID, "entities"), nil)
}

// Assign gives devices a tag, by the id of the tag (tid), for the tag's own
// duration. It returns the assignments that the appliance sends, for Unassign.
// It needs the permission "Edit Tags".
//
// Threat Visualizer API: POST /tags/{tid}/entities.
func (s *TagService) Assign(ctx context.Context, tagID int64, dids ...int64) ([]*TagEntity, error) {
	return s.AssignFor(ctx, tagID, 0, dids...)
}

// AssignFor is Assign for a duration, in whole seconds.
//
// Threat Visualizer API: POST /tags/{tid}/entities.
func (s *TagService) AssignFor(ctx context.Context, tagID int64, ttl time.Duration, dids ...int64) ([]*TagEntity, error) {
	if len(dids) == 0 {
		return nil, argument("dids", "contains no device")
	}
	values := make([]string, len(dids))
	for i, did := range dids {
		if err := checkTaggable(did); err != nil {
			return nil, err
		}
		values[i] = strconv.FormatInt(did, 10)
	}
	if err := checkAgo("ttl", ttl); err != nil {
		return nil, err
	}
	body := struct {
		Type  string `json:"entityType"`
		Value any    `json:"entityValue"` // One as a text, several as a list.
		TTL   int64  `json:"expiryDuration,omitzero"`
	}{"Device", values, int64(ttl / time.Second)}
	if len(values) == 1 {
		body.Value = values[0]
	}
	reply, err := s.client().call(ctx, &Request{Method: http.MethodPost, Path: pathOf("tags", tagID, "entities"), JSON: body})
	if err != nil {
		return nil, err
	}
	entities := []*TagEntity{}
	if !succeeded(reply.data) {
		err = decodeReply(ctx, reply, objectOf[TagEntity](ctx), func(e *TagEntity) bool {
			if e.TEID != 0 || e.Value != "" { // Otherwise it only says that it was carried out.
				entities = append(entities, e)
			}
			return true
		})
	}
	reply.done(err)
	if err != nil {
		return nil, err
	}
	return entities, nil
}

// Unassign removes a tag from a device or a user, by the ids of the tag (tid)
// and of the assignment (teid). If the outcome is unknown, Unassign reads back,
// as RemoveFromDevice does. It needs the permission "Edit Tags".
//
// Threat Visualizer API: DELETE /tags/{tid}/entities/{teid}.
func (s *TagService) Unassign(ctx context.Context, tagID, assignmentID int64) error {
	return s.client().deleteSettled(ctx, &Request{Path: pathOf("tags", tagID, "entities", assignmentID)}, fmt.Sprintf("tag %d", tagID), func() (bool, error) {
		return lacks(ctx, s.client(), pathOf("tags", tagID, "entities"), nil, func(e *TagEntity) int64 { return e.TEID },
			func(found int64) bool { return found == assignmentID })
	})
}
