package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"nacre/internal/oslo/uuid"
)

// Exchanges of the RabbitMQ driver. A topic's queue exists as long as it is
// served, so that a call to nobody is returned by the broker at once.
const (
	callExchange   = "nacre"
	fanoutExchange = "nacre.fanout"
	eventExchange  = "nacre.notifications"
)

// RabbitMQ is a Bus on an AMQP 0-9-1 broker. It reconnects by itself and
// serves its topics again.
type RabbitMQ struct {
	url    string
	ctx    context.Context
	cancel context.CancelFunc
	done   sync.WaitGroup
	leaving

	mu      sync.Mutex
	conn    *amqp.Connection
	pub     *amqp.Channel
	replies string
	waiting map[string]chan result
	serving map[*consumer]bool
}

type result struct {
	data []byte
	err  error
}

// consumer is a topic or a listener, kept so that it survives a reconnection.
type consumer struct {
	bind   func(ch *amqp.Channel) ([]<-chan amqp.Delivery, error)
	handle func(d amqp.Delivery)
	ch     *amqp.Channel
	work   sync.WaitGroup
}

// DialRabbitMQ connects to url ("amqp://user:password@host:5672/vhost").
func DialRabbitMQ(url string) (*RabbitMQ, error) {
	b := &RabbitMQ{url: url, waiting: map[string]chan result{}, serving: map[*consumer]bool{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	closed, err := b.connect()
	if err != nil {
		b.cancel()
		return nil, err
	}
	b.done.Go(func() { b.keep(closed) })
	return b, nil
}

// connect opens connection and channels and serves all consumers again.
func (b *RabbitMQ) connect() (<-chan *amqp.Error, error) {
	conn, err := amqp.DialConfig(b.url, amqp.Config{Heartbeat: 10 * time.Second, Locale: "en_US"})
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.open(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("bus: %w", err)
	}
	b.conn = conn
	for c := range b.serving {
		if err := b.consume(c); err != nil {
			conn.Close()
			return nil, fmt.Errorf("bus: serve again: %w", err)
		}
	}
	return conn.NotifyClose(make(chan *amqp.Error, 1)), nil
}

// open declares the exchanges and the queue of replies.
func (b *RabbitMQ) open(conn *amqp.Connection) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	for name, kind := range map[string]string{callExchange: "direct", fanoutExchange: "direct", eventExchange: "fanout"} {
		if err := ch.ExchangeDeclare(name, kind, true, false, false, false, nil); err != nil {
			return err
		}
	}
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return err
	}
	replies, err := ch.Consume(q.Name, "", true, true, false, false, nil)
	if err != nil {
		return err
	}
	returned := ch.NotifyReturn(make(chan amqp.Return, 16))
	b.pub, b.replies = ch, q.Name
	b.done.Go(func() {
		for d := range replies {
			b.resolve(d.CorrelationId, result{data: d.Body})
		}
	})
	b.done.Go(func() {
		for r := range returned {
			b.resolve(r.CorrelationId, result{err: ErrNobody})
		}
	})
	return nil
}

// keep connects again, with growing pauses, until Close.
func (b *RabbitMQ) keep(closed <-chan *amqp.Error) {
	for {
		select {
		case <-b.ctx.Done():
			return
		case err := <-closed:
			if b.ctx.Err() != nil {
				return
			}
			slog.Warn("the bus was disconnected", "error", err)
			b.forsake()
		}
		for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
			next, err := b.connect()
			if err == nil {
				closed = next
				slog.Info("the bus is connected again")
				break
			}
			select {
			case <-b.ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	}
}

// forsake ends all calls: the queue of their replies went with the connection.
func (b *RabbitMQ) forsake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, w := range b.waiting {
		w <- result{err: ErrTimeout}
		delete(b.waiting, id)
	}
}

func (b *RabbitMQ) resolve(id string, r result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.waiting[id]; w != nil {
		w <- r
		delete(b.waiting, id)
	}
}

// Call implements Bus.
func (b *RabbitMQ) Call(ctx context.Context, topic, method string, req, reply any) error {
	data, err := pack(ctx, method, req)
	if err != nil {
		return err
	}
	out, err := inTime(ctx, func(ctx context.Context) ([]byte, error) { return b.ask(ctx, topic, data) })
	if err != nil {
		return err
	}
	return unpack(out, reply)
}

func (b *RabbitMQ) ask(ctx context.Context, topic string, data []byte) ([]byte, error) {
	id, wait := uuid.New(), make(chan result, 1)
	b.mu.Lock()
	b.waiting[id] = wait
	b.mu.Unlock()
	defer b.resolve(id, result{err: ErrTimeout})
	if err := b.publish(ctx, callExchange, topic, amqp.Publishing{CorrelationId: id, Body: data, Expiration: left(ctx)}, true); err != nil {
		return nil, err
	}
	select {
	case r := <-wait:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ErrTimeout
	}
}

// left is the time until ctx's deadline in milliseconds, as a message's expiration.
func left(ctx context.Context) string {
	deadline, _ := ctx.Deadline()
	return strconv.FormatInt(max(1, time.Until(deadline).Milliseconds()), 10)
}

func (b *RabbitMQ) publish(ctx context.Context, exchange, key string, p amqp.Publishing, mandatory bool) error {
	b.mu.Lock()
	ch := b.pub
	p.ReplyTo = b.replies
	b.mu.Unlock()
	p.ContentType = "application/json"
	if err := ch.PublishWithContext(ctx, exchange, key, mandatory, false, p); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	return nil
}

// Cast implements Bus.
func (b *RabbitMQ) Cast(ctx context.Context, topic, method string, req any) error {
	return b.tellTopic(ctx, callExchange, topic, method, req)
}

// Fanout implements Bus.
func (b *RabbitMQ) Fanout(ctx context.Context, topic, method string, req any) error {
	return b.tellTopic(ctx, fanoutExchange, topic, method, req)
}

func (b *RabbitMQ) tellTopic(ctx context.Context, exchange, topic, method string, req any) error {
	data, err := pack(ctx, method, req)
	if err != nil {
		return err
	}
	_, err = inTime(ctx, func(ctx context.Context) ([]byte, error) {
		return nil, b.publish(ctx, exchange, topic, amqp.Publishing{Body: data}, false)
	})
	return err
}

// Serve implements Bus.
func (b *RabbitMQ) Serve(topic string, methods Methods) (func(), error) {
	ctx, cancel := context.WithCancel(b.ctx)
	c := &consumer{bind: func(ch *amqp.Channel) ([]<-chan amqp.Delivery, error) { return bindTopic(ch, topic) }}
	c.handle = func(d amqp.Delivery) {
		out := serve(ctx, methods, d.Body)
		if d.CorrelationId == "" || d.ReplyTo == "" {
			return
		}
		if err := b.publish(ctx, "", d.ReplyTo, amqp.Publishing{CorrelationId: d.CorrelationId, Body: out}, false); err != nil {
			slog.WarnContext(ctx, "a reply was not sent", "topic", topic, "error", err)
		}
	}
	stop, err := b.start(c)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("serve %s: %w", topic, err)
	}
	return func() { cancel(); stop() }, nil
}

func bindTopic(ch *amqp.Channel, topic string) ([]<-chan amqp.Delivery, error) {
	shared, err := queue(ch, topic, false, callExchange, topic)
	if err != nil {
		return nil, err
	}
	own, err := queue(ch, "", true, fanoutExchange, topic)
	return []<-chan amqp.Delivery{shared, own}, err
}

// queue declares a queue that goes with its last consumer, binds and consumes it.
func queue(ch *amqp.Channel, name string, exclusive bool, exchange, key string) (<-chan amqp.Delivery, error) {
	q, err := ch.QueueDeclare(name, false, true, exclusive, false, nil)
	if err != nil {
		return nil, err
	}
	if err := ch.QueueBind(q.Name, key, exchange, false, nil); err != nil {
		return nil, err
	}
	return ch.Consume(q.Name, "", true, exclusive, false, false, nil)
}

// start consumes now and after every reconnection until stop.
func (b *RabbitMQ) start(c *consumer) (stop func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.consume(c); err != nil {
		return nil, err
	}
	b.serving[c] = true
	return func() {
		b.mu.Lock()
		delete(b.serving, c)
		ch := c.ch
		b.mu.Unlock()
		b.tell(func() { _ = ch.Close() })
		c.work.Wait()
	}, nil
}

// consume runs under mu.
func (b *RabbitMQ) consume(c *consumer) error {
	conn := b.conn
	if conn == nil {
		return errors.New("not connected")
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	streams, err := c.bind(ch)
	if err != nil {
		ch.Close()
		return err
	}
	c.ch = ch
	for _, s := range streams {
		b.done.Go(func() {
			for d := range s {
				c.work.Go(func() { c.handle(d) })
			}
		})
	}
	return nil
}

// Notify implements Bus.
func (b *RabbitMQ) Notify(ctx context.Context, e Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("notify %s: %w", e.Type, err)
	}
	return b.publish(ctx, eventExchange, e.Type, amqp.Publishing{Body: data}, false)
}

// Listen implements Bus.
func (b *RabbitMQ) Listen(fn func(Event)) (func(), error) {
	c := &consumer{
		bind: func(ch *amqp.Channel) ([]<-chan amqp.Delivery, error) {
			own, err := queue(ch, "", true, eventExchange, "")
			return []<-chan amqp.Delivery{own}, err
		},
		handle: func(d amqp.Delivery) {
			var e Event
			if json.Unmarshal(d.Body, &e) == nil {
				fn(e)
			}
		},
	}
	return b.start(c)
}

// Close implements Bus.
func (b *RabbitMQ) Close() {
	b.cancel()
	b.mu.Lock()
	conn := b.conn
	b.mu.Unlock()
	_ = conn.CloseDeadline(time.Now().Add(closeWithin)) // one that does not read would hold this up until its heartbeat is missed
	b.done.Wait()
	b.work.Wait()
}
