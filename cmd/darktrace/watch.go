package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/darktrace-go/darktrace"
)

// watch prints every event, or every model alert, once, as it appears.
func watch(ctx context.Context, j *job) error {
	if len(j.args) == 1 && j.args[0] != "events" {
		if j.args[0] != "alerts" {
			return usage("watch can watch events and alerts, not %q", j.args[0])
		}
		return j.watchAlerts(ctx)
	}
	opts := darktrace.WatchOptions{Interval: j.interval, OnError: j.out.progress.note, OnPass: j.passed}
	opts.Since, opts.Updates, opts.IncludeURL = j.since, j.updates, true
	opts.Filter.MinGroupScore, opts.Filter.Categories = j.minScore, j.categories
	service := j.client.AIAnalyst
	return follow(ctx, j, stream[darktrace.EventChange]{
		watch: func(store darktrace.CheckpointStore) iter.Seq2[darktrace.EventChange, error] {
			return service.Watch(ctx, store, &opts)
		},
		poll: func(from *darktrace.Checkpoint) (*batch[darktrace.EventChange], error) {
			opts.Limit = batchSize
			r, err := service.Poll(ctx, from, &opts.PollOptions)
			if r == nil {
				return nil, err
			}
			return &batch[darktrace.EventChange]{r.Changes, r.More, r.Taken}, err
		},
		print: func(c darktrace.EventChange) error {
			return j.change(c, c.Kind, cells(eventColumns, c.Event), c.Fields)
		},
	})
}

func (j *job) watchAlerts(ctx context.Context) error {
	opts := darktrace.BreachWatchOptions{Interval: j.interval, OnError: j.out.progress.note, OnPass: j.passed}
	opts.Since, opts.Updates = j.since, j.updates
	opts.Filter.MinScore, opts.Filter.Categories = j.minScore/100, j.categories
	service := j.client.ModelBreaches
	return follow(ctx, j, stream[darktrace.BreachChange]{
		watch: func(store darktrace.CheckpointStore) iter.Seq2[darktrace.BreachChange, error] {
			return service.Watch(ctx, store, &opts)
		},
		poll: func(from *darktrace.Checkpoint) (*batch[darktrace.BreachChange], error) {
			opts.Limit = batchSize
			r, err := service.Poll(ctx, from, &opts.BreachPollOptions)
			if r == nil {
				return nil, err
			}
			return &batch[darktrace.BreachChange]{r.Changes, r.More, r.Taken}, err
		},
		print: func(c darktrace.BreachChange) error {
			return j.change(c, c.Kind, cells(alertColumns, c.Breach), c.Fields)
		},
	})
}

// batchSize is how many changes are printed before their checkpoint is saved.
const batchSize = 100

// stream is a feed of changes: of events or of model alerts.
type stream[C any] struct {
	watch func(darktrace.CheckpointStore) iter.Seq2[C, error]
	poll  func(*darktrace.Checkpoint) (*batch[C], error) // nil when nothing was read
	print func(C) error
}

// batch is the result of one Poll of a feed.
type batch[C any] struct {
	changes []C
	more    bool
	taken   func(n int) *darktrace.Checkpoint
}

// follow prints what a feed delivers, until it is interrupted or, with -once, until
// there is no more.
func follow[C any](ctx context.Context, j *job, s stream[C]) error {
	store := darktrace.MemoryCheckpoint()
	if j.checkpoint != "" {
		store = darktrace.FileCheckpoint(j.checkpoint)
	}
	if j.once {
		return s.drain(ctx, store)
	}
	for change, err := range s.watch(store) {
		if err == nil {
			err = s.print(change)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// drain prints new changes in batches, and saves the checkpoint after each batch.
func (s stream[C]) drain(ctx context.Context, store darktrace.CheckpointStore) error {
	saved, err := darktrace.LoadCheckpoint(ctx, store)
	if err != nil {
		return err
	}
	save := func(next *darktrace.Checkpoint) error {
		err := store.Save(context.WithoutCancel(ctx), saved, next)
		saved = next
		return err
	}
	for more, proven := true, false; more; {
		b, pollErr := s.poll(saved)
		if b == nil {
			return pollErr
		}
		if !proven { // If the checkpoint can't be saved, each run would print the same changes again.
			if err := save(b.taken(0)); err != nil {
				return errors.Join(err, pollErr)
			}
			proven = true
		}
		printed := 0
		for _, change := range b.changes {
			if err = s.print(change); err != nil {
				break
			}
			printed++
		}
		if err := errors.Join(err, save(b.taken(printed)), pollErr); err != nil {
			return err
		}
		more = b.more
	}
	return nil
}

// passed shows how far a feed has been read.
func (j *job) passed(pass darktrace.PassInfo) {
	j.out.progress.show(fmt.Sprintf("read until %s UTC", second(darktrace.MillisOf(pass.Through))))
}

// watchWidths are the widths of the columns of events and alerts. They are fixed,
// because each line is printed at once.
var watchWidths = []int{16, 5, 13, 52, 36, 0}

// change prints a change, at once.
func (j *job) change(change any, kind darktrace.ChangeKind, row []string, fields []darktrace.FieldChange) error {
	j.out.progress.end()
	var err error
	if j.out.table() {
		padded := []string{pad(string(kind), 7)}
		for i, cell := range row {
			padded = append(padded, pad(line(cell), watchWidths[i]))
		}
		j.out.rows(padded)
		for _, field := range fields {
			j.out.say("  %s: %s → %s", field.Field, fmt.Sprint(field.Old), fmt.Sprint(field.New))
		}
	} else {
		err = j.out.object(change)
	}
	return errors.Join(err, j.out.flush())
}
