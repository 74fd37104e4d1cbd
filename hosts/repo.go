package hosts

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// remote checks repoRemote. Its messages never show the value: it may hold a
// password, and they end up in logs.
func (c *checker) remote(h Host) {
	const (
		key     = "repoRemote"
		allowed = "an https, ssh, git, git+ssh or file URL, user@host:path, or an absolute path"
	)
	remote := h.RepoRemote
	if remote == "" {
		if !h.Prebuilt {
			e := c.missing(key, allowed)
			e.Problem = "is required unless prebuilt, but not set"
			e.related = "prebuilt"
		}
		return
	}
	_, _, isURL := strings.Cut(remote, "://")
	helper, _, hasHelper := strings.Cut(remote, "::")
	switch {
	case remote[0] == '-':
		c.add(key, "begins with -, which git reads as an option", allowed)
	case !isText(remote) || strings.ContainsAny(remote, " \u00a0"):
		c.add(key, "has a space or control character", allowed)
	case hasHelper && onlyHas(helper, alnum+"+.-_"):
		// transport::address runs git-remote-transport; ext:: runs anything.
		c.add(key, "names a git remote helper", allowed)
	case strings.Contains(remote, `\`):
		c.add(key, `has a \: Windows paths do not work here`, allowed)
	case isURL:
		c.remoteURL(key, remote, allowed)
	case remote[0] == '/':
	case flakeRef.MatchString(remote):
		kind, _, _ := strings.Cut(remote, ":")
		url := "the URL that git clones, such as https://github.com/ME/c.git, or git@github.com:ME/c.git with a deploy key"
		c.add(key, "is a flake reference ("+kind+":), which git does not know", url).hint = "set repoRemote to " + url
	case noSlashes.MatchString(remote):
		c.add(key, "has no // after its scheme: git would read it as a path on a server", allowed)
	default:
		host, file, found := strings.Cut(remote, ":")
		user, server, hasUser := strings.Cut(host, "@")
		if !hasUser {
			user, server = "git", host
		}
		switch {
		case hasUser && !found || strings.Contains(file, "@") && !hasUser:
			c.add(key, "is not a git address (or has a password, as in user:password@host)", allowed)
		case !found || file == "" || !isWord(user, alnum+"._-") || !isWord(server, alnum+".-_"):
			c.add(key, "is not a git address", allowed)
		}
	}
}

// flakeRef matches flake references (nix3-flake(1), "Types"), which git reads as paths
// on a server of that name.
var (
	flakeRef  = regexp.MustCompile(`^(github|gitlab|sourcehut|path|flake):`)
	noSlashes = regexp.MustCompile(`^(https?|ssh|git|file):`)
)

func (c *checker) remoteURL(key, remote, allowed string) {
	u, err := url.Parse(remote)
	if err != nil {
		c.add(key, "is not a valid URL", allowed)
		return
	}
	_, hasPassword := u.User.Password()
	user := u.User.Username()
	plain := strings.TrimPrefix(u.Scheme, "git+")
	switch {
	case !strings.HasPrefix(remote, u.Scheme): // url.Parse made it lower case; git looks for a helper of that name
		c.add(key, "has capital letters in its scheme, which git does not know", allowed)
	case u.Scheme == "git+https" || u.Scheme == "git+file":
		c.add(key, "has the scheme "+quote(u.Scheme)+", which is a flake's", "the same URL with "+plain+"://, and its ?ref= or ?rev= as repoRef")
	case !slices.Contains([]string{"https", "ssh", "git", "git+ssh", "file"}, u.Scheme):
		c.add(key, "has the scheme "+quote(u.Scheme), allowed)
	case hasPassword:
		e := c.add(key, "has a password, which would stay in the clone's .git/config", "a URL without one")
		e.hint = "remove it, and give the installer a deploy key"
	case u.User != nil && u.Scheme != "ssh" && u.Scheme != "git+ssh":
		// Only ssh needs a user; in an https URL this is often a token.
		e := c.add(key, "has a user or token before @", "a user in ssh URLs only")
		e.hint = "remove it, and give the installer a deploy key"
	case u.User != nil && !isWord(user, alnum+"._-"):
		c.add(key, "has invalid characters in its user name", allowed)
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(remote, "?#"):
		e := c.add(key, "has a ? or #, which git reads as part of the path", "the plain URL")
		e.hint = "give a branch, tag or commit as repoRef"
	case u.Scheme == "file" && u.Host != "":
		c.add(key, "has a host in a file URL", "file:///absolute/path")
	case u.Scheme != "file" && u.Host == "":
		c.add(key, "has no host", allowed)
	case u.Scheme != "file" && !isWord(u.Hostname(), alnum+".-_:"):
		c.add(key, "has invalid characters in its host name", allowed)
	case strings.Trim(u.Path, "/") == "":
		c.add(key, "has no path", allowed)
	}
}

// ref checks repoRef by the rules of git check-ref-format. git cannot read it as
// an option, a range or a revision expression.
func (c *checker) ref(ref string) {
	const allowed = "a branch, tag or commit, as git check-ref-format has it"
	if ref == "" {
		return
	}
	bad := !isText(ref) || len(ref) > 255 || ref == "@" || ref[0] == '-' ||
		strings.ContainsAny(ref, " ~^:?*[\\") || strings.Contains(ref, "..") || strings.Contains(ref, "@{") ||
		strings.HasSuffix(ref, ".")
	for part := range strings.SplitSeq(ref, "/") {
		bad = bad || part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock")
	}
	if bad {
		c.add("repoRef", quote(ref)+" is not a name of a branch, tag or commit", allowed)
	}
}

func (c *checker) clonePath(dir string) {
	const (
		key     = "repoClonePath"
		allowed = "an absolute path below /mnt, such as /mnt/nix-config, of letters, digits and . _ - + @"
	)
	clean := path.Clean(dir)
	switch {
	case dir == "":
		c.missing(key, allowed)
	case dir[0] != '/':
		c.add(key, quote(dir)+" is not absolute", allowed)
	case hasDotDot(dir):
		c.add(key, quote(dir)+" has ..", allowed)
	case !isBelow(clean, mountRoot):
		c.add(key, quote(dir)+" is not below /mnt", allowed)
	case !onlyHas(dir, alnum+"/._-+@"):
		// It becomes a flake reference, where # and ? have a meaning.
		c.add(key, quote(dir)+" has "+stranger(dir, alnum+"/._-+@"), allowed)
	}
	const hidden = "a mount hides it once the system runs"
	for place, why := range map[string]string{
		"boot": "the ESP keeps neither owners nor symlinks", "nix": "it belongs to Nix",
		"dev": hidden, "proc": hidden, "run": hidden, "sys": hidden,
	} {
		if full := mountRoot + "/" + place; clean == full || isBelow(clean, full) { // one at most
			c.add(key, quote(dir)+" is in "+full+": "+why, allowed)
		}
	}
}
