// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.op.Operation.PopulateRange;
import dev.samara.core.internal.space.KeptOpens;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.internal.vma.VmArea.Open;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Maps again what a checkpoint's layout had mapped, in one operation within the cut of a restore. */
final class OldLayout implements Call {
    /*
     * Notes.
     *
     * 1. The differences. A VMA that both layouts contain covers the same range in both, so no difference ends within
     *    it. A difference is a range that is covered by one VMA, or none, in each layout. Its pages either belong to
     *    both VMAs (hasSamePages) and stay, or belong to the present layout only, and are removed.
     *
     * 2. The edit. Ranges that the checkpoint did not map are unmapped. Each of its other VMAs that differ is made
     *    again, as one VMA: the VMAs in its range are taken out, and the parts whose pages are removed are gated. The
     *    edit claims no range: nothing is in flight in a cut, and an operation with an older ticket waits for the cut.
     *
     * 3. Pages that stay may have more rights than the new VMAs. They are narrowed after the operation, by the restore
     *    (narrowed). Rights that they lack are given by later faults.
     *
     * 4. The opens of VMAs that left the layout were kept (KeptOpens). A backing is asked only for an open that was
     *    not, e.g. because there was no memory to list it.
     *
     *    A VMA does not forget the anon_vma that it received since: one that does not differ otherwise counts as the
     *    checkpoint's from then on, and one that is made again gets it from a part whose pages stay. So all parts of
     *    the new VMA have the same, and become one.
     *
     * 5. Seals stay. A VMA that was sealed since keeps the seal; if its pages or rights differ, nothing is mapped.
     */

    /** The flags that decide whose pages are in a range. */
    private static final long KIND = VmaFlags.SHARED | VmaFlags.MAYSHARE | VmaFlags.DROPPABLE;

    /** The flags that a sealed mapping keeps. Advice and locks of it may change, as on Linux. */
    private static final long RIGHTS = VmaFlags.ACCESS | VmaFlags.MAY_ACCESS;

    /** The flags that an earlier state does not take away. */
    private static final long LASTING = VmaFlags.SEALED | VmaFlags.MAYBE_GUARD;

    /**
     * A range that the two layouts map differently.
     *
     * @param start the first address
     * @param end after the last address
     * @param old the VMA of the checkpoint, or null
     * @param now the VMA of the present layout, or null
     * @param isKept whether the pages of the range stay
     */
    private record Difference(
            long start,
            long end,
            @Nullable VmArea old,
            @Nullable VmArea now,
            boolean isKept) {
        private boolean isSealed() {
            return now != null && now.has(VmaFlags.SEALED);
        }

        /** Returns the flags in which the two VMAs of a range whose pages stay differ. */
        private long changedFlags() {
            return Objects.requireNonNull(old).flags() ^ presentFlags();
        }

        private long presentFlags() {
            return Objects.requireNonNull(now).flags();
        }
    }

    private final Layout layout;
    private final Cut cut;
    private final KeptOpens kept;
    private final long brk;
    private final long defaultLock;

    /** The ranges whose pages stay, and may have more rights than their VMAs; as of the last attempt. */
    final Ranges narrowed = new Ranges();

    /** Whether some VMAs are others than the checkpoint's, but alike; as of the last look for differences. */
    boolean hasOthersAlike;

    OldLayout(Layout layout, Cut cut, KeptOpens kept, long brk, long defaultLock) {
        this.layout = layout;
        this.cut = cut;
        this.kept = kept;
        this.brk = brk;
        this.defaultLock = defaultLock;
    }

    /** Returns whether the present layout differs. The caller is in the cut. */
    boolean isNeeded() {
        return brk != layout.brk()
                || defaultLock != layout.defaultLock()
                || !differences().isEmpty();
    }

    private List<Difference> differences() {
        Geometry geometry = layout.geometry;
        List<Difference> found = new ArrayList<>(0);
        hasOthersAlike = false;
        kept.vmas().forEachDifference(layout.snapshot(), (first, last, old, now) -> {
            boolean isKept = false;
            boolean isSame = false;
            if (old != null && now != null && hasSamePages(old, now, geometry)) {
                isKept = true;
                isSame = old.start() == now.start()
                        && old.end() == now.end()
                        && (old.anonVma() == null || old.anonVma() == now.anonVma())
                        && isAlike(old, now, VmaFlags.MAYBE_GUARD)
                        && (!old.has(VmaFlags.MAYBE_GUARD) || now.has(VmaFlags.MAYBE_GUARD));
            }
            hasOthersAlike |= isSame;
            if (!isSame) {
                found.add(new Difference(first, last + 1, old, now, isKept));
            }
        });
        return found;
    }

    private static boolean hasSamePages(VmArea one, VmArea other, Geometry geometry) {
        return one.backing() == other.backing()
                && ((one.flags() ^ other.flags()) & KIND) == 0
                && one.pageOffset() - geometry.pages(one.start()) == other.pageOffset() - geometry.pages(other.start());
    }

    /** Returns whether two VMAs with the same pages differ at most in some flags. */
    private static boolean isAlike(VmArea one, VmArea other, long except) {
        return ((one.flags() ^ other.flags()) & ~except) == 0 && Objects.equals(one.name(), other.name());
    }

    @Override
    public long decide(Edit edit) {
        narrowed.clear();
        List<Difference> all = differences();
        for (Difference each : all) {
            boolean mayChange = !each.isSealed() || (each.isKept && (each.changedFlags() & RIGHTS) == 0);
            if (!mayChange) {
                return Errno.EPERM.result();
            }
        }
        for (Difference each : all) {
            if (each.old == null) {
                VmaMerge.cutAt(edit, each.start);
                VmaMerge.cutAt(edit, each.end);
                VmaMerge.unmap(edit, each.start, each.end);
            }
        }
        for (int i = 0, behind = 1; i < all.size(); i = behind, behind++) {
            while (behind < all.size() && continues(all.get(behind - 1), all.get(behind))) {
                behind++;
            }
            if (all.get(i).old != null) {
                Errno refusal = map(edit, all.subList(i, behind));
                if (refusal != null) {
                    return refusal.result();
                }
            }
        }
        if (edit.brk() != brk) {
            edit.setBrk(brk);
        }
        if (edit.defaultLock() != defaultLock) {
            edit.setDefaultLock(defaultLock);
        }
        return Edit.DONE;
    }

    /** Returns whether two differences belong to one VMA, which is sealed as a whole or not at all. */
    private static boolean continues(Difference one, Difference next) {
        return one.old != null && one.old == next.old && one.isSealed() == next.isSealed();
    }

    /** Maps a VMA of the checkpoint over its differences. Returns null, or why that is not possible. */
    private @Nullable Errno map(Edit edit, List<Difference> parts) {
        VmArea old = Objects.requireNonNull(parts.get(0).old);
        long start = parts.get(0).start;
        long end = parts.get(parts.size() - 1).end;
        BackingTraits traits = old.traits;
        long writable = VmaFlags.SHARED | VmaFlags.MAYWRITE;
        if (traits != null && (old.flags() & writable) == writable && !edit.mayMapWritable(traits)) {
            return Errno.EPERM;
        }
        VmaMerge.cutAt(edit, start);
        VmaMerge.cutAt(edit, end);
        List<VmArea> replaced = new ArrayList<>(parts.size());
        long accounted = 0;
        for (VmArea vma = edit.firstIn(start, end); vma != null; vma = edit.firstIn(vma.end(), end)) {
            replaced.add(vma);
            accounted += vma.has(VmaFlags.ACCOUNT) ? edit.pagesOf(vma) : 0;
        }
        long pages = edit.geometry.pages(end - start);
        if (old.has(VmaFlags.ACCOUNT) && !edit.charge(Math.max(0, pages - accounted))) {
            return Errno.ENOMEM;
        }
        long lasting = 0;
        boolean lacksPages = false;
        AnonVma anonVma = old.anonVma();
        for (Difference each : parts) {
            anonVma = anonVma == null && each.isKept
                    ? Objects.requireNonNull(each.now).anonVma()
                    : anonVma;
            lasting |= each.isKept ? each.presentFlags() & LASTING : 0;
            lacksPages |= !each.isKept;
            if (each.isKept && (each.changedFlags() & VmaFlags.ACCESS) != 0) {
                narrowed.add(each.start, each.end);
            } else if (!each.isKept && each.now != null) {
                edit.gate(each.start, each.end);
            }
        }
        for (VmArea vma : replaced) {
            edit.takeOut(vma);
        }
        long offset = old.pageOffset() + edit.geometry.pages(start - old.start());
        edit.put(new VmArea(
                start,
                end,
                old.flags() | lasting,
                offset,
                traits == null ? null : edit.current(traits),
                old.name(),
                anonVma));
        if (lacksPages && old.has(VmaFlags.LOCKED) && !old.has(VmaFlags.LOCKONFAULT)) {
            // Its private pages are put back; pages of files and zero pages are not.
            edit.populate(PopulateRange.Kind.READ, start, end);
        }
        return null;
    }

    @Override
    public Cut cut() {
        return cut;
    }

    @Override
    public @Nullable Open openFor(VmArea fresh) {
        VmArea old = kept.vmas().get(fresh.start());
        return old != null && old.backing() == fresh.backing() ? kept.get(old) : null;
    }

    /** A callback that frees a place in the bounded work may wait for this cut. */
    @Override
    public boolean mayBeRefused() {
        return false;
    }

    @Override
    public boolean isUninterruptible() {
        return true;
    }

    @Override
    public String toString() {
        return "restore";
    }
}
