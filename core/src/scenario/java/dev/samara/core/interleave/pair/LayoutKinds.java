// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.PageTableRef;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.GroundFile;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;

/** The calls that change a layout or its pages. */
final class LayoutKinds {
    private static final int RW = SpaceScenario.RW;
    private static final int FIXED = SpaceScenario.FIXED;
    private static final int MOVE = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    /** The suffix of asynchronous calls that are joined after all operations. */
    static final String LEFT = "-left";

    static final String REAP = "reap";

    private LayoutKinds() {}

    static void addTo() {
        maps();
        unmaps();
        moves();
        protects();
        advises();
        PairKinds.add("mlock", call -> call.space().mlock(call.start(), call.length()));
        PairKinds.add("munlock", call -> call.space().munlock(call.start(), call.length()));
        PairKinds.add("mlock-onfault", call -> call.space().mlock2(call.start(), call.length(), Mman.ONFAULT));
        PairKinds.add("msync", call -> {
            long saved = call.space().msync(call.start(), call.length(), Mman.SYNC | Mman.INVALIDATE);
            long first = call.offset() / SpaceScenario.PAGE;
            FileKinds.noteSaved(call, saved, first, first + call.length() / SpaceScenario.PAGE);
            return saved;
        });
        PairKinds.add("mseal", call -> call.space().mseal(call.start(), call.length(), 0));
        PairKinds.add("set-anon-name", call -> call.space().setAnonymousName(call.start(), call.length(), "pool"));
        PairKinds.add("mdwe", call -> call.space().setMdwe(Mman.REFUSE_EXEC_GAIN));
        PairKinds.add("fork", call -> {
            call.state().children.put("child of " + call.label(), call.space().fork());
            return "forked";
        });
        // Removes the pages of private anonymous mappings, except locked ones.
        PairKinds.add(REAP, call -> {
            try (PageTableRef held = call.space().hold()) {
                return held.reap();
            }
        });
        // Removes nothing, because CPUs that are in the space continue.
        PairKinds.add("close", call -> {
            call.space().close();
            return "closed";
        });
    }

    private static void maps() {
        PairKinds.gives("mmap", call -> call.space().mmap(call.start(), call.length(), RW, FIXED, null, 0));
        PairKinds.gives("mmap-hint", call -> {
            int flags = Mman.PRIVATE | Mman.ANONYMOUS;
            return call.space().mmap(call.start(), call.length(), RW, flags, null, 0);
        });
        PairKinds.gives("mmap-populate", call -> {
            int flags = FIXED | Mman.POPULATE;
            return call.space().mmap(call.start(), call.length(), RW, flags, null, 0);
        });
        PairKinds.gives("mmap-noreplace", call -> {
            int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED_NOREPLACE;
            return call.space().mmap(call.start(), call.length(), RW, flags, null, 0);
        });
        PairKinds.gives(
                "mmap-left",
                call -> left(call, call.space().mmapAsync(call.start(), call.length(), RW, FIXED, null, 0)));
        PairKinds.gives(
                "mmap-async", call -> result(call.space().mmapAsync(call.start(), call.length(), RW, FIXED, null, 0)));
        PairKinds.givesOn(
                Ground::hasFile,
                "mmap-file",
                call -> call.space()
                        .mmap(
                                call.start(),
                                call.length(),
                                RW,
                                Mman.SHARED | Mman.FIXED,
                                call.file().backing(),
                                call.offset()));
        PairKinds.on(Ground::hasFile, "remap-file-pages", call -> {
            long page = call.offset() / SpaceScenario.PAGE + 1;
            // Without populating, which would take effect at a second instant.
            return call.space().remapFilePages(call.start(), SpaceScenario.PAGE, 0, page, Mman.NONBLOCK);
        });
        PairKinds.givesOn(
                ground -> ground == Ground.HEAP,
                "brk-grow",
                call -> call.space().brk(SpaceScenario.AT + GroundFile.LENGTH + call.length()));
    }

    private static void unmaps() {
        PairKinds.takes("munmap", Pte.RIGHTS, call -> call.space().munmap(call.start(), call.length()));
        PairKinds.takes(
                "munmap-async", Pte.RIGHTS, call -> result(call.space().munmapAsync(call.start(), call.length())));
        PairKinds.takes(
                "munmap-left", Pte.RIGHTS, call -> left(call, call.space().munmapAsync(call.start(), call.length())));
        PairKinds.endsOn(
                ground -> ground == Ground.HEAP, "brk", call -> call.space().brk(call.start()));
    }

    private static void moves() {
        PairKinds.takes(
                "mremap",
                Pte.RIGHTS,
                call -> call.space().mremap(call.start(), call.length(), call.length(), MOVE, call.elsewhere()));
        PairKinds.takes(
                "mremap-async",
                Pte.RIGHTS,
                call -> result(
                        call.space().mremapAsync(call.start(), call.length(), call.length(), MOVE, call.elsewhere())));
        PairKinds.takes(
                "mremap-left",
                Pte.RIGHTS,
                call -> left(
                        call,
                        call.space().mremapAsync(call.start(), call.length(), call.length(), MOVE, call.elsewhere())));
        PairKinds.takesBehind(
                SpaceScenario.PAGE,
                "mremap-shrink",
                call -> call.space().mremap(call.start(), call.length(), SpaceScenario.PAGE, 0, 0));
        PairKinds.takes(
                "mremap-grow",
                Pte.RIGHTS,
                call -> call.space().mremap(call.start(), call.length(), 2 * call.length(), Mman.MAYMOVE, 0));
        PairKinds.add(
                "mremap-dontunmap",
                call -> call.space()
                        .mremap(call.start(), call.length(), call.length(), MOVE | Mman.DONTUNMAP, call.elsewhere()));
    }

    private static void protects() {
        PairKinds.takes("mprotect", Pte.WRITE, call -> call.space().mprotect(call.start(), call.length(), Mman.READ));
        PairKinds.takes("mprotect-none", Pte.RIGHTS, call -> call.space().mprotect(call.start(), call.length(), 0));
        PairKinds.gives("widen", call -> call.space().mprotect(call.start(), call.length(), RW | Mman.EXEC));
    }

    private static void advises() {
        advice("dontneed", Mman.DONTNEED);
        advice("guard", Mman.GUARD_INSTALL);
        advice("unguard", Mman.GUARD_REMOVE);
        advice("populate", Mman.POPULATE_WRITE);
        advice("populate-read", Mman.POPULATE_READ);
        advice("dontneed-locked", Mman.DONTNEED_LOCKED);
        advice("free", Mman.FREE);
        advice("hugepage", Mman.HUGEPAGE);
        advice("dontfork", Mman.DONTFORK);
        advice("wipeonfork", Mman.WIPEONFORK);
        PairKinds.on(
                Ground::hasHoles, "remove", call -> call.space().madvise(call.start(), call.length(), Mman.REMOVE));
    }

    private static void advice(String name, int advice) {
        PairKinds.add(name, call -> call.space().madvise(call.start(), call.length(), advice));
    }

    /** Returns the result of an asynchronous call that is joined after all operations, unless the state joins it. */
    private static Object left(PairKinds.Call of, PendingCall call) {
        if (of.state().joins) {
            call.join();
        } else {
            of.state().unjoined.put(of.label(), call);
        }
        return call.result();
    }

    /** Returns the result of an asynchronous call, for which the caller waits. */
    private static Object result(PendingCall call) {
        call.join();
        return call.result();
    }
}
