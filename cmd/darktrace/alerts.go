package main

import (
	"context"
	"fmt"

	"github.com/darktrace-go/darktrace"
	"github.com/darktrace-go/darktrace/internal/siem"
)

// alerts lists model alerts by the time at which they were created.
func alerts(ctx context.Context, j *job) error {
	until := j.until
	if until.IsZero() {
		until = j.now()
	}
	found := j.client.ModelBreaches.All(ctx, &darktrace.BreachListOptions{
		Start: j.since, End: until, CreationTime: true, DID: j.deviceID, MinScore: j.minScore / 100,
		IncludeAcknowledged: j.all, IncludeBreachURL: true,
	})
	return list(j, "alerts", found, alertColumns)
}

var alertColumns = []column[*darktrace.ModelBreach]{
	{"CREATED (UTC)", func(b *darktrace.ModelBreach) string { return minute(b.CreationTime) }},
	{"SCORE", func(b *darktrace.ModelBreach) string { return score(alertScore(b)) }},
	{"CATEGORY", func(b *darktrace.ModelBreach) string { return string(alertCategory(b)) }},
	{"MODEL", func(b *darktrace.ModelBreach) string { return short(b.Model.Name(), 60) }},
	{"DEVICE", func(b *darktrace.ModelBreach) string { return short(alertDevice(b), 36) }},
	{"ID", func(b *darktrace.ModelBreach) string { return fmt.Sprint(b.PBID) }},
}

// alertScore is the score of an alert from 0 to 100.
func alertScore(b *darktrace.ModelBreach) darktrace.Score {
	return darktrace.Score(siem.BreachScore(b))
}

// alertCategory is the category that the alert's model had at the time.
func alertCategory(b *darktrace.ModelBreach) darktrace.Category { return siem.Category(siem.Model(b)) }

// alertDevice names the device of an alert; "" for one about the system itself.
func alertDevice(b *darktrace.ModelBreach) string {
	if b.Device == nil || b.Device.DID == -1 {
		return ""
	}
	return b.Device.Name()
}

// alertState is whether an alert is acknowledged, as text; "" = unknown.
func alertState(b *darktrace.ModelBreach) string {
	switch {
	case b.Acknowledged == nil:
		return ""
	case *b.Acknowledged:
		return "acknowledged"
	default:
		return "open"
	}
}

// showAlert prints a model alert in full. Its comments may be missing.
func showAlert(ctx context.Context, j *job, pbid int64) error {
	alert, err := j.client.ModelBreaches.Get(ctx, pbid)
	if err != nil {
		return err
	}
	comments, err := j.client.ModelBreaches.ListComments(ctx, pbid)
	var missing []string
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		missing = []string{"comments: " + oneLine(err)}
	}
	if !j.out.table() {
		return j.out.object(struct {
			Alert    *darktrace.ModelBreach     `json:"alert"`
			Comments []*darktrace.BreachComment `json:"comments"`
			Missing  []string                   `json:"missing,omitempty"` // what could not be read, and why
		}{alert, append([]*darktrace.BreachComment{}, comments...), missing})
	}
	j.out.section(alert.Model.Name(),
		[]string{"id", fmt.Sprint(alert.PBID)},
		[]string{"score", oneDecimal(alertScore(alert))},
		[]string{"category", string(alertCategory(alert))},
		[]string{"activity", minute(alert.Time) + " UTC"},
		[]string{"created", minute(alert.CreationTime) + " UTC"},
		[]string{"device", alertDevice(alert)},
		[]string{"state", alertState(alert)},
		[]string{"link", j.client.BreachURL(alert.PBID)})
	j.out.section("What the model looks for", paragraphs(siem.Description(siem.Model(alert)))...)
	var rows [][]string
	for _, c := range comments {
		rows = append(rows, []string{minute(c.Time), c.Username, c.Message})
	}
	j.out.section("Comments", rows...)
	for _, what := range missing {
		j.out.section("Not read", []string{what})
	}
	return nil
}
