// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.event.Report;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.Seals;
import dev.samara.core.internal.hostfile.OpenHostFile;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.InFlightOperation.PageAction;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.syscall.Syscall.RangeCall;
import dev.samara.core.internal.syscall.Syscall.VmaChange;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * {@code madvise} ({@code mm/madvise.c}): changes VMAs, checks the errors of advice that acts on pages, and passes
 * advice on to backings.
 */
public record Madvise(long address, long length, int advice) implements RangeCall, VmaChange {
    public static long madvise(Layout layout, long address, long length, int advice) {
        Madvise call = new Madvise(address, length, advice);
        long result = Syscall.run(layout, call);
        if (advice == Mman.WILLNEED && (result == 0 || result == Errno.ENOMEM.result())) {
            long end = call.end(layout.geometry);
            Syscall.visit(layout, address, end, (vma, start, stop) -> willNeed(layout, vma, start, stop));
        }
        return advice == Mman.REMOVE ? call.punch(layout, result) : result;
    }

    /**
     * Punches holes in host files, which may wait for the host ({@code madvise_remove}). Holds no lock. The operation
     * that ran before has already punched the holes in other files.
     *
     * @param decided the result of that operation
     * @return the first error in the order of the VMAs
     */
    private long punch(Layout layout, long decided) {
        if (!isRange(layout.geometry)) {
            return decided;
        }
        long failed = Syscall.visit(layout, address, end(layout.geometry), (vma, start, stop) -> {
            long offset = Syscall.offset(layout, vma, start);
            Errno refusal = isDiscardOfSealed(vma, advice) ? Errno.EPERM : refusalToRemove(vma, offset, stop - start);
            OpenHostFile file = hostFileOf(vma);
            return refusal != null ? refusal.result() : file == null ? 0 : file.punchMapped(offset, stop - start);
        });
        return failed != 0 ? failed : decided;
    }

    private static @Nullable OpenHostFile hostFileOf(VmArea vma) {
        BackingTraits traits = vma.traits;
        return traits != null && traits.underlying() instanceof OpenHostFile file ? file : null;
    }

    /**
     * Passes the advice on to the backing of a VMA ({@code madvise_willneed}). An exception of the backing is reported,
     * and is not an error of the call. Holds no lock.
     */
    private static long willNeed(Layout layout, VmArea vma, long start, long end) {
        BackingTraits traits = vma.traits;
        if (traits == null) {
            return 0;
        }
        try {
            traits.backing().willNeed(Syscall.offset(layout, vma, start), end - start);
        } catch (Throwable thrown) {
            layout.host.report(
                    Report.Kind.CALLBACK_FAILED,
                    "willNeed of " + traits.backing().name(),
                    thrown);
        }
        return 0;
    }

    @Override
    public long decide(Edit edit) {
        boolean isKnown = (advice >= Mman.NORMAL && advice <= Mman.DONTNEED)
                || (advice >= Mman.FREE && advice <= Mman.COLLAPSE)
                || advice == Mman.GUARD_INSTALL
                || advice == Mman.GUARD_REMOVE;
        if (!isKnown || !isRange(edit.geometry)) {
            return Errno.EINVAL.result();
        }
        long end = end(edit.geometry);
        if (end == address) {
            return DONE;
        }
        edit.claim(address, end);
        if (advice == Mman.POPULATE_READ || advice == Mman.POPULATE_WRITE) {
            return populate(edit, address, end, advice == Mman.POPULATE_READ ? VmaFlags.READ : VmaFlags.WRITE);
        }
        return Syscall.walk(edit, address, end, false, this);
    }

    @Override
    public long change(Edit edit, VmArea vma, long start, long end) {
        if (isDiscardOfSealed(vma, advice)) {
            return Errno.EPERM.result();
        }
        Errno refusal = advice == Mman.REMOVE
                ? refusalToRemove(vma, Syscall.offset(edit.layout, vma, start), end - start)
                : refusal(vma, advice);
        if (refusal != null) {
            return refusal.result();
        }
        actOnPages(edit, vma, start, end, advice);
        if (advice == Mman.GUARD_INSTALL) {
            return guard(edit, vma);
        }
        long flags = flagsAfter(vma, advice);
        if (flags == vma.flags()) {
            return vma.end();
        }
        return orAgain(VmaMerge.change(edit, vma, start, end, flags));
    }

    /**
     * Requests actions on the pages, in the order of the VMAs. PAGEOUT drops droppable pages, which have no swap space.
     * FREE, COLD, and PAGEOUT of other memory only permit reclaim, so no content changes.
     */
    private static void actOnPages(Edit edit, VmArea vma, long start, long end, int advice) {
        switch (advice) {
            case Mman.DONTNEED, Mman.DONTNEED_LOCKED ->
                edit.act(new PageAction(PageAction.Kind.DISCARD, start, end, null, 0));
            case Mman.PAGEOUT -> {
                if (vma.has(VmaFlags.DROPPABLE)) {
                    edit.act(new PageAction(PageAction.Kind.DROP, start, end, null, 0));
                }
            }
            case Mman.REMOVE -> {
                FilePages file = FilePages.of(vma);
                if (file != null && hostFileOf(vma) == null) {
                    long offset = Syscall.offset(edit.layout, vma, start);
                    edit.act(new PageAction(PageAction.Kind.PUNCH, start, end, file, offset));
                }
            }
            case Mman.GUARD_INSTALL -> edit.act(new PageAction(PageAction.Kind.GUARD, start, end, null, 0));
            case Mman.GUARD_REMOVE -> edit.act(new PageAction(PageAction.Kind.UNGUARD, start, end, null, 0));
            default -> {
                // Other advice has no effect on present pages.
            }
        }
    }

    /**
     * Returns whether a seal forbids the advice. A seal forbids discards of private anonymous memory without the right
     * to write.
     */
    private static boolean isDiscardOfSealed(VmArea vma, int advice) {
        boolean isDiscard = switch (advice) {
            case Mman.FREE,
                    Mman.DONTNEED,
                    Mman.DONTNEED_LOCKED,
                    Mman.REMOVE,
                    Mman.DONTFORK,
                    Mman.WIPEONFORK,
                    Mman.GUARD_INSTALL -> true;
            default -> false;
        };
        return isDiscard
                && vma.has(VmaFlags.SEALED)
                && vma.isAnonymous()
                && !vma.hasAny(VmaFlags.SHARED | VmaFlags.WRITE);
    }

    private static @Nullable Errno refusal(VmArea vma, int advice) {
        return switch (advice) {
            case Mman.COLD, Mman.PAGEOUT -> invalidIf(vma.hasAny(VmaFlags.LOCKED | VmaFlags.PFNMAP | VmaFlags.HUGETLB));
            case Mman.DONTNEED -> invalidIf(vma.hasAny(VmaFlags.LOCKED | VmaFlags.PFNMAP));
            case Mman.DONTNEED_LOCKED -> invalidIf(vma.hasAny(VmaFlags.PFNMAP));
            case Mman.FREE -> invalidIf(vma.hasAny(VmaFlags.LOCKED | VmaFlags.PFNMAP) || !vma.isAnonymous());
            case Mman.GUARD_INSTALL -> invalidIf(vma.hasAny(VmaFlags.SPECIAL | VmaFlags.HUGETLB | VmaFlags.LOCKED));
            case Mman.GUARD_REMOVE -> invalidIf(vma.hasAny(VmaFlags.SPECIAL | VmaFlags.HUGETLB));
            case Mman.DOFORK -> invalidIf(vma.hasAny(VmaFlags.IO));
            case Mman.WIPEONFORK -> invalidIf(vma.backing() != null || vma.hasAny(VmaFlags.SHARED));
            case Mman.KEEPONFORK -> invalidIf(vma.hasAny(VmaFlags.DROPPABLE));
            case Mman.DODUMP ->
                invalidIf(
                        (vma.hasAny(VmaFlags.SPECIAL) && !vma.has(VmaFlags.HUGETLB)) || vma.hasAny(VmaFlags.DROPPABLE));
            // There are no huge pages.
            case Mman.COLLAPSE -> Errno.EINVAL;
            default -> null;
        };
    }

    private static @Nullable Errno invalidIf(boolean refused) {
        return refused ? Errno.EINVAL : null;
    }

    /**
     * Returns the errno with which a hole in the file is refused ({@code madvise_remove} and {@code vfs_fallocate}), or
     * null.
     */
    private static @Nullable Errno refusalToRemove(VmArea vma, long offset, long length) {
        if (vma.hasAny(VmaFlags.LOCKED) || vma.backing() == null) {
            return Errno.EINVAL;
        }
        if (!vma.has(VmaFlags.SHARED | VmaFlags.MAYWRITE)) {
            return Errno.EACCES;
        }
        // Only shared memory of /dev/zero is mapped at offsets that no file has.
        if (offset < 0 || offset + length < 0) {
            return offset < 0 ? Errno.EINVAL : Errno.EFBIG;
        }
        BackingTraits traits = vma.traits;
        if (traits != null && !traits.punchesHoles() && hostFileOf(vma) == null) {
            return Errno.EOPNOTSUPP;
        }
        Seals seals = traits == null ? null : FilePages.sealsOf(traits);
        return seals != null && seals.isAgainstWrites() ? Errno.EPERM : null;
    }

    /**
     * Marks the whole VMA as one that may contain guard markers, which only the page table records. The VMA also gets
     * an anon_vma, because it now has page tables.
     */
    private static long guard(Edit edit, VmArea vma) {
        boolean needsAnonVma = vma.isAnonymous() && vma.anonVma() == null;
        edit.replace(
                vma,
                null,
                null,
                new VmArea(
                        vma.start(),
                        vma.end(),
                        vma.flags() | VmaFlags.MAYBE_GUARD,
                        vma.pageOffset(),
                        vma.traits,
                        vma.name(),
                        needsAnonVma ? VmaMerge.anonVmaFor(edit, vma) : vma.anonVma()));
        return vma.end();
    }

    private static long flagsAfter(VmArea vma, int advice) {
        long flags = vma.flags();
        return switch (advice) {
            case Mman.NORMAL -> flags & ~(VmaFlags.RAND_READ | VmaFlags.SEQ_READ);
            case Mman.SEQUENTIAL -> (flags & ~VmaFlags.RAND_READ) | VmaFlags.SEQ_READ;
            case Mman.RANDOM -> (flags & ~VmaFlags.SEQ_READ) | VmaFlags.RAND_READ;
            case Mman.DONTFORK -> flags | VmaFlags.DONTCOPY;
            case Mman.DOFORK -> flags & ~VmaFlags.DONTCOPY;
            case Mman.WIPEONFORK -> flags | VmaFlags.WIPEONFORK;
            case Mman.KEEPONFORK -> flags & ~VmaFlags.WIPEONFORK;
            case Mman.DONTDUMP -> flags | VmaFlags.DONTDUMP;
            case Mman.DODUMP -> flags & ~VmaFlags.DONTDUMP;
            case Mman.HUGEPAGE -> (flags & ~VmaFlags.NOHUGEPAGE) | VmaFlags.HUGEPAGE;
            case Mman.NOHUGEPAGE -> (flags & ~VmaFlags.HUGEPAGE) | VmaFlags.NOHUGEPAGE;
            case Mman.MERGEABLE -> mayMergePages(vma) ? flags | VmaFlags.MERGEABLE : flags;
            case Mman.UNMERGEABLE -> flags & ~VmaFlags.MERGEABLE;
            default -> flags;
        };
    }

    /** Returns whether the VMA may be marked mergeable. The advice has no effect on other VMAs. */
    private static boolean mayMergePages(VmArea vma) {
        return !vma.hasAny(
                VmaFlags.SHARED | VmaFlags.MAYSHARE | VmaFlags.SPECIAL | VmaFlags.HUGETLB | VmaFlags.DROPPABLE);
    }

    /** Requests population of a range. A hole returns ENOMEM; a VMA without the right returns EINVAL. */
    private static long populate(Edit edit, long start, long end, long access) {
        long reached = edit.partStart(start);
        while (Addresses.isBelow(reached, end)) {
            if (edit.endsBatchAt(reached)) {
                return DONE;
            }
            VmArea vma = edit.at(reached);
            if (vma == null || !vma.has(access) || vma.hasAny(VmaFlags.IO | VmaFlags.PFNMAP)) {
                // The range below this address is faulted in nevertheless.
                populateAs(edit, start, reached, access);
                return (vma == null ? Errno.ENOMEM : Errno.EINVAL).result();
            }
            reached = vma.end();
        }
        populateAs(edit, start, end, access);
        return DONE;
    }

    private static void populateAs(Edit edit, long start, long end, long access) {
        edit.populate(access == VmaFlags.READ ? PopulateRange.Kind.READ : PopulateRange.Kind.WRITE, start, end);
    }

    @Override
    public void revoke(Operation operation) {
        operation.revoke(address, length);
    }

    @Override
    public String toString() {
        return Call.text("madvise", address, length, advice);
    }

    /** Maps ENOMEM to EAGAIN: too many mappings are reported like any other shortage. */
    private static long orAgain(long changed) {
        return changed == Errno.ENOMEM.result() ? Errno.EAGAIN.result() : changed;
    }

    /**
     * {@code PR_SET_VMA_ANON_NAME} ({@code set_anon_vma_name} in {@code mm/madvise.c}): sets the name of memory without
     * a file.
     *
     * @param name the name; null to remove it
     * @param ofMemory the name as displayed for private memory; null if there is no valid name
     * @param ofObject the name as displayed for shared memory; null if there is no valid name
     */
    public record SetAnonVmaName(
            long address,
            long length,
            @Nullable String name,
            @Nullable String ofMemory,
            @Nullable String ofObject) implements RangeCall, VmaChange {
        /** The longest name, in characters ({@code ANON_VMA_NAME_MAX_LEN} also counts the terminator). */
        private static final int LONGEST = 79;

        /** Printable characters that a name must not have ({@code ANON_VMA_NAME_INVALID_CHARS}). */
        private static final String REFUSED = "\\`$[]";

        /** Creates the call. The displayed names are created before the lock is acquired, once for all VMAs. */
        public static SetAnonVmaName of(long address, long length, @Nullable String name) {
            if (name == null || !isValid(name)) {
                return new SetAnonVmaName(address, length, name, null, null);
            }
            String ofMemory = Vma.ANON_NAME + name + ']';
            String ofObject = Vma.ANON_SHMEM_NAME + name + ']';
            return new SetAnonVmaName(address, length, name, ofMemory, ofObject);
        }

        private static boolean isValid(String name) {
            if (name.length() > LONGEST) {
                return false;
            }
            for (int i = 0; i < name.length(); i++) {
                char character = name.charAt(i);
                if (character <= 0x1f || character >= 0x7f || REFUSED.indexOf(character) >= 0) {
                    return false;
                }
            }
            return true;
        }

        @Override
        public long decide(Edit edit) {
            if ((name != null && ofMemory == null) || !isRange(edit.geometry)) {
                return Errno.EINVAL.result();
            }
            long end = end(edit.geometry);
            if (end == address) {
                return DONE;
            }
            edit.claim(address, end);
            return Syscall.walk(edit, address, end, false, this);
        }

        @Override
        public long change(Edit edit, VmArea vma, long start, long end) {
            BackingTraits traits = vma.traits;
            if (traits != null && !traits.acceptsNames()) {
                return Errno.EBADF.result();
            }
            String shown = traits == null ? ofMemory : ofObject;
            boolean isWhole = start == vma.start() && end == vma.end();
            if (Objects.equals(shown, vma.name()) || (vma.isSpecial() && (shown == null || isWhole))) {
                // A special mapping displays the kernel's name, whatever other name is set.
                return vma.end();
            }
            VmArea named = VmaMerge.named(edit, vma, start, end, shown);
            return orAgain(VmaMerge.change(edit, vma, named));
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "set_anon_vma_name(0x%x, 0x%x, %s)", address, length, name);
        }
    }
}
