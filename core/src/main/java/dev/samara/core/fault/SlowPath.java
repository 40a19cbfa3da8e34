// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.fault;

import dev.samara.core.cache.FilePages;
import dev.samara.core.life.Life;
import dev.samara.core.page.Leaf;
import dev.samara.core.page.Pte;
import dev.samara.core.vma.BackingTraits;
import dev.samara.core.vma.Fault;
import dev.samara.core.vma.PageRequest;
import dev.samara.core.vma.Protection;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.Objects;

/**
 * Faults for which a backing must be asked, under a keep of the VMA and outside of every section: it may take as long as it
 * likes, and nobody waits for it.
 */
final class SlowPath {
    /** So often an answer may be out of date by the time it is looked at, before the backing is taken for a liar. */
    private static final int PATIENCE = 16;

    private final Faulter faulter;
    private int inVain;

    SlowPath(Faulter faulter) {
        this.faulter = faulter;
    }

    /** Another space is served from now on, or none. */
    void forget() {
        inVain = 0;
    }

    /** What a backing is asked; one for each time, since a backing may itself meet faults on this thread. */
    private record Request(Faulter faulter, Vma vma, long page, long address, int access) implements PageRequest {
        @Override
        public void major() {
            faulter.noteMajor();
        }
    }

    /** Has the backing fetch a page. Caller is in a reader section; this leaves it, and enters another one. */
    int fetch(Vma of, BackingTraits traits, FilePages cache, long at, int how, long which) {
        if (!Life.keep(of)) {
            return Faulter.AGAIN;
        }
        faulter.reader().exit();
        int frame;
        try {
            frame = ask(traits, new Request(faulter, of, which, at, how));
        } finally {
            Life.release(of);
        }
        if (frame < 0) {
            inVain = 0;
            return failure(frame);
        }
        faulter.reader().enter();
        if (!faulter.frames.isCached(frame, cache.number(), which)) {
            return outOfDate(traits, frame, which);
        }
        inVain = 0;
        boolean writes = (how & Protection.WRITE) != 0;
        if (writes && !of.has(VmaFlags.SHARED)) {
            // Not left to the fast path, to which the backing may never offer it.
            return faulter.copying().copyFromCache(of, at, cache, which, frame);
        }
        if (writes && traits.noticesWrites()) {
            faulter.reader().exit();
            return mapNoticed(of, traits, cache, frame, new Request(faulter, of, which, at, how));
        }
        return faulter.window().mapOne(of, cache, at, which, frame, writes) ? Fault.MINOR : Faulter.AGAIN;
    }

    private int outOfDate(BackingTraits traits, int frame, long page) {
        if (++inVain < PATIENCE) {
            return Faulter.AGAIN;
        }
        inVain = 0;
        faulter.reportBacking(
                "fault",
                traits,
                new IllegalStateException(
                        "answered with frame " + frame + ", which is not its cache's of page " + page));
        return Fault.ADRERR;
    }

    private int ask(BackingTraits traits, Request request) {
        try {
            return traits.backing().fault(request);
        } catch (Throwable thrown) {
            faulter.reportBacking("fault", traits, thrown);
            return -Fault.ADRERR;
        }
    }

    private static int failure(int answer) {
        return answer == -Fault.OOM ? Fault.OOM : answer == -Fault.RETRY ? Fault.RETRY : Fault.ADRERR;
    }

    private int notice(BackingTraits traits, Request request) {
        try {
            return traits.backing().firstWrite(request);
        } catch (Throwable thrown) {
            faulter.reportBacking("firstWrite", traits, thrown);
            return -Fault.ADRERR;
        }
    }

    private int mapNoticed(Vma of, BackingTraits traits, FilePages cache, int frame, Request request) {
        if (!Life.keep(of)) {
            return Faulter.AGAIN;
        }
        int noticed;
        try {
            noticed = notice(traits, request);
        } finally {
            Life.release(of);
        }
        if (noticed != 0) {
            return failure(noticed);
        }
        faulter.reader().enter();
        boolean mapped = faulter.window().mapOne(of, cache, request.address(), request.page(), frame, true);
        return mapped ? Fault.MINOR : Faulter.AGAIN;
    }

    /** A page of a shared mapping that is mapped already is about to be written for the first time. */
    int firstWrite(Vma of, long at, int how, long pte) {
        BackingTraits traits = Objects.requireNonNull(of.traits());
        if (!Life.keep(of)) {
            return Faulter.AGAIN;
        }
        faulter.reader().exit();
        int noticed;
        try {
            noticed = notice(traits, new Request(faulter, of, faulter.pageOf(of, at), at, how));
        } finally {
            Life.release(of);
        }
        if (noticed != 0) {
            return failure(noticed);
        }
        faulter.reader().enter();
        long[] leaf = faulter.table.leaf(at);
        if (leaf == null) {
            return Faulter.AGAIN;
        }
        Leaf.lock(leaf);
        try {
            Vma now = Leaf.isDead(leaf) ? null : faulter.standing(of, at);
            boolean stands = now != null && now.has(VmaFlags.WRITE | VmaFlags.SHARED);
            long wider = pte | Pte.WRITE | Pte.DIRTY | Pte.ACCESSED;
            return stands && Leaf.compareAndSet(leaf, faulter.table.indexOf(at), pte, wider)
                    ? Fault.MINOR
                    : Faulter.AGAIN;
        } finally {
            Leaf.unlock(leaf);
        }
    }
}
