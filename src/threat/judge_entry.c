/* Entries: what mode, owner, capabilities, device numbers and the ELF header say without any pattern. */
#include "judge_private.h"

static const struct judge_text setuid_shell = { "file.setuid-shell", KIND_MISCONFIGURATION, SEV_HIGH, "A shell or interpreter that runs as root for everybody",
	"A shell, an interpreter or a program that runs others has the setuid bit and belongs to root. Whoever gets into the container as any "
	"user is root at once; back doors are made like this.",
	"Remove the bit (chmod u-s) or the file." };
static const struct judge_text setuid = { "file.setuid", KIND_MISCONFIGURATION, SEV_LOW, "Programs with setuid or setgid that no package owns",
	"These programs run with the rights of their owner whoever starts them, and no package of the distribution brought them.",
	"Remove the bits (chmod a-s), or run the container with no-new-privileges." };
static const struct judge_text capabilities = { "file.capabilities", KIND_MISCONFIGURATION, SEV_LOW, "Programs with file capabilities that no package owns",
	"These programs get privileges of root whoever starts them, and no package of the distribution brought them.",
	"Remove the capabilities (setcap -r), or run the container with no-new-privileges." };
static const struct judge_text writable = { "file.world-writable", KIND_MISCONFIGURATION, SEV_LOW, "Programs that every user may change",
	"Any user in the container can replace these programs and wait for somebody with more rights to run them.",
	"Take the right away (chmod o-w)." };
static const struct judge_text device = { "file.device-node", KIND_MISCONFIGURATION, SEV_LOW, "Device nodes in the image",
	"The image ships device nodes beside the usual ones of /dev. In a privileged container they reach the host's devices.",
	"Remove them; the runtime makes the devices that a container needs." };
static const struct judge_text preload = { "file.preload", KIND_MISCONFIGURATION, SEV_MEDIUM, "A library is loaded into every program",
	"/etc/ld.so.preload names libraries that the loader puts into each program of the container: a usual place to hide processes and files.",
	"Check that the libraries are the ones you expect; no distribution ships this file." };
static const struct judge_text modified = { "integrity.package-file-modified", KIND_INTEGRITY, SEV_HIGH, "Programs differ from their package",
	"A package of the distribution claims these files, but their content is not what the package brought. They were replaced or changed "
	"after the installation.",
	"Find out what changed them. Install the package again, or put your own programs under other names." };
static const struct judge_text unreadable = { "elf.packed-unreadable", KIND_INTEGRITY, SEV_HIGH, "A packed program that cannot be unpacked",
	"The program looks packed with UPX, but its headers are damaged, so that tools cannot look inside while it still runs. Malware is "
	"often hidden like this; no package owns the file.",
	"Ask its maker for an unpacked program. Do not run it otherwise." };
static const struct judge_text packed = { "elf.packed", KIND_MALWARE, SEV_LOW, "The image starts a program that hides its content",
	"The code is compressed or encrypted and nearly nothing is imported, so that its content could not be inspected. Some licence "
	"protections look like this, and so does malware.",
	"Ask its maker for a program that is not packed." };

static struct slice base_of(struct slice path)
{
	ptrdiff_t at = slice_rfind_byte(path, '/');
	return at < 0 ? path : slice_from(path, (size_t)at + 1);
}

static bool runs_others(struct slice path)
{
	static const char *const names[] = { "sh", "bash", "dash", "ash", "zsh", "ksh", "csh", "tcsh", "fish", "env", "find", "vi", "vim", "nmap", "awk",
		"gawk", "mawk", "cp", "dd", "tee", "nc", "node", "php", "lua", "gdb", "make", "xargs", "less", "more", "tar" };
	static const char *const prefixes[] = { "python", "perl", "ruby", "bash-", "rootshell", "suid" };
	struct slice base = base_of(path);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_eqs(base, names[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (slice_has_prefix(base, slice_str(prefixes[i])))
			return true;
	return false;
}

static bool usual_device(const struct fact_entry *en)
{
	/* null, zero, full, random, urandom, kmsg, tty*, console, ptmx: what debootstrap and mkosi leave in /dev */
	return en->kind == ENTRY_CHAR && (en->dev_major == 0 || en->dev_major == 1 || en->dev_major == 4 || en->dev_major == 5 ||
					  en->dev_major == 136) && !(en->dev_major == 1 && (en->dev_minor == 1 || en->dev_minor == 2 || en->dev_minor == 4));
}

static bool is_code(const struct judge_file *f)
{
	switch (f->entry->file_class) {
	case FILE_ELF: case FILE_ELF_LIB: case FILE_SCRIPT: case FILE_PE: return true;
	default: return f->entry->mode & 0111;
	}
}

static enum err_code note(struct threat_judge *j, const struct judge_text *t, const struct judge_file *f, struct err *e)
{
	return draft_add(j, t, SLICE_NULL, f, NULL, NULL, e);
}

static enum err_code judge_mode(struct threat_judge *j, const struct judge_file *f, struct err *e)
{
	const struct fact_entry *en = f->entry;
	bool runs = en->mode & 0111;
	if ((en->mode & 04000) && runs && en->uid == 0 && runs_others(f->path))
		TRY(note(j, &setuid_shell, f, e));
	else if ((en->mode & 06000) && runs && !f->owned && !f->owned_mismatch && !f->owner.n)
		TRY(note(j, &setuid, f, e));
	if (en->caps.n && !f->owner.n)
		TRY(note(j, &capabilities, f, e));
	if ((en->mode & 0002) && runs && is_code(f))
		TRY(note(j, &writable, f, e));
	return OK;
}

static enum err_code judge_elf(struct threat_judge *j, const struct judge_file *f, struct err *e)
{
	uint64_t flags = f->elf->flags;
	if (f->owned)
		return OK;
	if (flags & ELF_F_UPX_BROKEN)
		return draft_add(j, &unreadable, judge_path(j, f), f, NULL, NULL, e);
	if ((flags & ELF_F_PACKED) && !(flags & ELF_F_UPX_UNPACKED) && f->reachable)
		return note(j, &packed, f, e);
	return OK;
}

static enum err_code judge_owner(struct threat_judge *j, const struct judge_file *f, struct err *e)
{
	struct draft *d;
	bool fresh;
	if (!f->owned_mismatch || !is_code(f) || f->inner.n)
		return OK;
	TRY(draft_get(j, &modified, f->owner, &d, &fresh, e));
	if (fresh && f->owner.n)
		d->f.title = arena_printf(j->r->arena, "Programs differ from their package %s", judge_shown(j, f->owner));
	return draft_evidence(j, d, f, NULL, e);
}

enum err_code judge_entry(struct threat_judge *j, const struct judge_file *f, struct err *e)
{
	const struct fact_entry *en = f->entry;
	if (f->elf)
		TRY(judge_elf(j, f, e));
	if (!en || f->inner.n)
		return OK;
	if ((en->kind == ENTRY_CHAR || en->kind == ENTRY_BLOCK) && !usual_device(en))
		return note(j, &device, f, e);
	if (en->kind != ENTRY_FILE && en->kind != ENTRY_HARDLINK)
		return OK;
	if (slice_eqs(f->path, "etc/ld.so.preload") && en->size)
		TRY(note(j, &preload, f, e));
	TRY(judge_mode(j, f, e));
	return judge_owner(j, f, e);
}
