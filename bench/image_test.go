package bench

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
)

// BenchmarkImageClients uploads and downloads 1 GiB in all, by one client and
// by eight at once; BenchmarkImageUpload has what bounds it.
func BenchmarkImageClients(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	for _, clients := range []int{1, 8} {
		ids := make([]string, clients)
		size := int64(1<<30) / int64(clients)
		each := func(do func(i int)) {
			var all sync.WaitGroup
			for i := range ids {
				all.Go(func() { do(i) })
			}
			all.Wait()
		}
		remove := func() {
			for _, id := range ids {
				c.Must("DELETE", image, "/v2/images/"+id, nil, nil)
			}
		}
		b.Run(fmt.Sprintf("upload/%d", clients), func(b *testing.B) {
			b.SetBytes(1 << 30)
			c.ResetPeak()
			for n := range b.N {
				if n > 0 {
					remove()
				}
				each(func(i int) { ids[i] = upload(b, c, io.LimitReader(pattern{}, size)) })
			}
			b.ReportMetric(float64(c.Peak())/(1<<20), "peak-RSS-MiB")
		})
		b.Run(fmt.Sprintf("download/%d", clients), func(b *testing.B) {
			b.SetBytes(1 << 30)
			cpu := c.CPU()
			for range b.N {
				each(func(i int) { download(b, c, ids[i], size) })
			}
			b.ReportMetric((c.CPU()-cpu).Seconds()/float64(b.N), "cpu-s/op")
		})
		remove()
	}
}

// BenchmarkImageMemory tells the memory while 32 uploads are under way.
func BenchmarkImageMemory(b *testing.B) {
	c := StartCloud(b, 1, "--no-defaults")
	idle := c.PSS()
	begun, end, most := make(chan struct{}, 32), make(chan struct{}), int64(0)
	var all sync.WaitGroup
	for range 32 {
		body := io.MultiReader(io.LimitReader(pattern{}, 64<<20), &pause{begun: begun, end: end})
		all.Go(func() { upload(b, c, body) })
	}
	for range 32 {
		<-begun
		most = max(most, c.PSS())
	}
	b.ReportMetric(float64(max(most, c.PSS()))/(1<<20), "PSS-MiB")
	b.ReportMetric(float64(idle)/(1<<20), "idle-PSS-MiB")
	close(end)
	all.Wait()
	for range b.N {
	}
}

// pause says that it was reached and waits for the end.
type pause struct {
	begun chan<- struct{}
	end   <-chan struct{}
}

func (p *pause) Read([]byte) (int, error) {
	p.begun <- struct{}{}
	<-p.end
	return 0, io.EOF
}

func upload(b *testing.B, c *Cloud, body io.Reader) string {
	var img struct{ ID string }
	c.Must("POST", image, "/v2/images", `{"name": "big", "disk_format": "raw", "container_format": "bare"}`, &img)
	if status, text := c.Do("PUT", image, "/v2/images/"+img.ID+"/file", body); status != 204 {
		b.Errorf("%d %s", status, text)
	}
	return img.ID
}

func download(b *testing.B, c *Cloud, id string, size int64) {
	r, err := http.NewRequest("GET", c.url(image, "/v2/images/"+id+"/file"), nil)
	if err != nil {
		b.Error(err)
		return
	}
	r.Header.Set("X-Auth-Token", c.token)
	res, err := c.client.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	defer res.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, res.Body, make([]byte, 1<<20))
	if n != size || err != nil {
		b.Errorf("%d bytes, %v", n, err)
	}
}
