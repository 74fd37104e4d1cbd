package lab

import (
	"context"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"time"
)

// Movie is a moving picture of a machine's screen.
type Movie struct {
	frames gif.GIF
	last   *image.Paletted // the whole screen, as of the newest frame
}

// How often the screen is looked at, and how long a picture is shown at the least
// and at the most: a long wait passes quickly.
const (
	movieEvery = 400 * time.Millisecond
	movieLeast = 15 // hundredths of a second, as GIF counts
	movieMost  = 120
)

// Film takes pictures of the screen until ctx ends or the machine is off, and writes
// those that differ to a GIF.
func (m *Machine) Film(ctx context.Context, file string) error {
	var movie Movie
	shown := time.Now()
	for ctx.Err() == nil {
		path, err := m.Screenshot(ctx, "movie")
		if err != nil {
			break // it is off
		}
		if err := movie.add(path, time.Since(shown)); err == nil {
			shown = time.Now()
		} else if !errors.Is(err, errSamePicture) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(movieEvery):
		}
	}
	return movie.save(file)
}

var errSamePicture = errors.New("the screen shows the same")

// add adds the part of a picture that differs from the one before, which was shown
// for so long.
func (v *Movie) add(path string, before time.Duration) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	src, err := png.Decode(f)
	if err != nil {
		return err
	}
	now := image.NewPaletted(src.Bounds(), consolePalette)
	for y := range src.Bounds().Dy() {
		for x := range src.Bounds().Dx() {
			now.SetColorIndex(x, y, uint8(consolePalette.Index(src.At(x, y))))
		}
	}
	area := now.Bounds()
	if v.last != nil {
		if v.last.Bounds() != now.Bounds() {
			return errSamePicture // the firmware's mode: not the console yet
		}
		if area = differs(v.last, now); area.Empty() {
			return errSamePicture
		}
		v.frames.Delay[len(v.frames.Delay)-1] = max(movieLeast, min(movieMost, int(before.Milliseconds()/10)))
	}
	v.last = now
	v.frames.Image = append(v.frames.Image, now.SubImage(area).(*image.Paletted))
	v.frames.Delay = append(v.frames.Delay, movieMost)
	return nil
}

// differs is the smallest area outside of which two pictures are equal.
func differs(a, b *image.Paletted) (area image.Rectangle) {
	for y := range b.Bounds().Dy() {
		for x := range b.Bounds().Dx() {
			if a.ColorIndexAt(x, y) != b.ColorIndexAt(x, y) {
				area = area.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return area
}

func (v *Movie) save(file string) error {
	if len(v.frames.Image) == 0 {
		return errors.New("the movie has no pictures")
	}
	v.frames.Delay[len(v.frames.Delay)-1] = 3 * movieMost
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(gif.EncodeAll(f, &v.frames), f.Close())
}

// consolePalette has the 16 colours of the kernel's console (drivers/tty/vt/vt.c,
// default_red and the like).
var consolePalette = func() (p color.Palette) {
	for i := range 16 {
		rgb := [3]uint8{}
		for c := range rgb {
			if i&(1<<c) != 0 {
				rgb[c] = 0xaa
			}
			if i&8 != 0 {
				rgb[c] += 0x55
			}
		}
		if i == 3 { // brown, not dark yellow
			rgb[1] = 0x55
		}
		p = append(p, color.RGBA{rgb[0], rgb[1], rgb[2], 0xff})
	}
	return p
}()
