// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Owns an area of anonymous memory, private or shared, and changes the area with all calls of a space. No other thread
 * changes it, so the owner knows the expected content of each page after each call.
 */
final class PageOwner implements Actor {
    private static final int WRITABLE = Mman.READ | Mman.WRITE;
    private static final OwnedPages.State[] RIGHTS = {
        OwnedPages.State.WRITABLE, OwnedPages.State.WRITABLE, OwnedPages.State.READABLE, OwnedPages.State.SHUT
    };
    private static final int MOVE = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    private static final String HOLDERS = "holders: ";

    /** The names of the actions in the counts. */
    static final List<String> KINDS = Stream.of(
                    "MAP_FIXED",
                    "munmap",
                    "mprotect WRITABLE",
                    "mprotect READABLE",
                    "mprotect SHUT",
                    "madvise " + Mman.DONTNEED,
                    "madvise " + Mman.DONTNEED_LOCKED,
                    "madvise " + Mman.FREE,
                    "madvise " + Mman.REMOVE,
                    "madvise " + Mman.COLD,
                    "madvise " + Mman.PAGEOUT,
                    "WIPEONFORK",
                    "KEEPONFORK",
                    "guards",
                    "mlock",
                    "populate",
                    "mremap elsewhere",
                    "mremap DONTUNMAP",
                    "mremap smaller",
                    "mremap larger",
                    "fork")
            .map(HOLDERS::concat)
            .toList();

    final OwnedPages area;

    private final TortureMachine setup;
    private final TortureMachine.View view;
    private final boolean shared;
    private final PageStamps stamper;
    private final List<OwnedPages> all;
    private final Checker contents;
    private final Checker forks;
    private final OwnerChildren children;
    private long other;

    PageOwner(TortureMachine setup, int owner, boolean shared, List<OwnedPages> all, Judges judges) {
        this.setup = setup;
        this.shared = shared;
        this.all = all;
        contents = judges.contents();
        forks = judges.forks();
        children = new OwnerChildren(judges.leaks());
        view = setup.view();
        long[] places = setup.area(OwnedPages.PAGES);
        area = new OwnedPages(owner, places[0], shared);
        other = places[1];
        stamper = new PageStamps(setup, area, contents);
    }

    /** The checkers of an owner. */
    record Judges(Checker contents, Checker forks, Checker leaks) {}

    private long address(int page) {
        return area.at.get() + page * TortureSpace.PAGE;
    }

    @Override
    public void step(Random random) {
        int first = random.nextInt(OwnedPages.PAGES);
        int behind = first + 1 + random.nextInt(Math.min(4, OwnedPages.PAGES - first));
        switch (random.nextInt(48)) {
            case 0, 1 -> map(first, behind);
            case 2 -> unmap(first, behind);
            case 3, 4, 5 -> protect(first, behind, RIGHTS[random.nextInt(RIGHTS.length)]);
            case 6, 7 -> discard(first, behind, shared ? Mman.REMOVE : Mman.DONTNEED);
            case 8 -> discard(first, behind, random.nextBoolean() ? Mman.DONTNEED : Mman.DONTNEED_LOCKED);
            case 9 -> discard(first, behind, Mman.FREE);
            case 10 -> guard(first, behind);
            case 11 -> lock(first, behind, random);
            case 12, 13, 14 -> move(random);
            case 15, 16 -> fork(random);
            case 17 -> children.endOldest();
            case 18 -> split(first, behind);
            case 19 -> advise(first, behind, random.nextBoolean() ? Mman.COLD : Mman.PAGEOUT);
            case 20 -> wipe(first, behind, random.nextBoolean());
            case 21 -> shrink(first, behind);
            case 22, 23 -> grow(first, behind);
            case 24, 25, 26 -> check(first, behind);
            default -> stamper.stamp(first, random);
        }
    }

    private void did(String what) {
        setup.events.count(HOLDERS + what);
    }

    private void check(int first, int behind) {
        stamper.check(first, behind);
    }

    private void map(int first, int behind) {
        area.begin(first, behind);
        int flags = Mman.FIXED | Mman.ANONYMOUS | (shared ? Mman.SHARED : Mman.PRIVATE);
        TortureSpace.succeed(
                setup.space.mmap(address(first), (behind - first) * TortureSpace.PAGE, WRITABLE, flags, null, 0));
        for (int page = first; page < behind; page++) {
            area.set(page, OwnedPages.State.WRITABLE, 0, 0);
            area.wipe(page, false);
        }
        check(first, behind);
        area.end(first, behind);
        did("MAP_FIXED");
    }

    private void unmap(int first, int behind) {
        area.begin(first, behind);
        TortureSpace.succeed(setup.space.munmap(address(first), (behind - first) * TortureSpace.PAGE));
        for (int page = first; page < behind; page++) {
            area.set(page, OwnedPages.State.GONE, 0, 0);
            area.wipe(page, false);
        }
        check(first, behind);
        area.end(first, behind);
        did("munmap");
    }

    private boolean hasHole(int first, int behind) {
        return has(OwnedPages.State.GONE, first, behind);
    }

    private boolean has(OwnedPages.State state, int first, int behind) {
        for (int page = first; page < behind; page++) {
            if (OwnedPages.state(area.content(page)) == state) {
                return true;
            }
        }
        return false;
    }

    private void protect(int first, int behind, OwnedPages.State state) {
        if (hasHole(first, behind)) {
            return;
        }
        int rights = state == OwnedPages.State.WRITABLE
                ? WRITABLE
                : state == OwnedPages.State.READABLE ? Mman.READ : Mman.NONE;
        area.begin(first, behind);
        TortureSpace.succeed(setup.space.mprotect(address(first), (behind - first) * TortureSpace.PAGE, rights));
        for (int page = first; page < behind; page++) {
            area.set(page, state);
        }
        check(first, behind);
        area.end(first, behind);
        did("mprotect " + state);
    }

    /** Gives advice that changes no content. */
    private void advise(int first, int behind, int advice) {
        setup.space.madvise(address(first), (behind - first) * TortureSpace.PAGE, advice);
        check(first, behind);
        did("madvise " + advice);
    }

    /** Sets whether children find zeros. */
    private void wipe(int first, int behind, boolean wiped) {
        if (shared || hasHole(first, behind)) {
            return;
        }
        area.begin(first, behind);
        TortureSpace.succeed(setup.space.madvise(
                address(first), (behind - first) * TortureSpace.PAGE, wiped ? Mman.WIPEONFORK : Mman.KEEPONFORK));
        for (int page = first; page < behind; page++) {
            area.wipe(page, wiped);
        }
        check(first, behind);
        area.end(first, behind);
        did(wiped ? "WIPEONFORK" : "KEEPONFORK");
    }

    /** Shrinks a range to its first page. */
    private void shrink(int first, int behind) {
        if (behind == first + 1 || hasHole(first, behind)) {
            return;
        }
        area.begin(first, behind);
        long shrunk = setup.space.mremap(address(first), (behind - first) * TortureSpace.PAGE, TortureSpace.PAGE, 0, 0);
        for (int page = first + 1; page < behind && !Errno.isError(shrunk); page++) {
            area.set(page, OwnedPages.State.GONE, 0, 0);
            area.wipe(page, false);
        }
        check(first, behind);
        area.end(first, behind);
        if (!Errno.isError(shrunk)) {
            did("mremap smaller");
        }
    }

    /** Grows one page to a range, over a hole that this method creates first. */
    private void grow(int first, int behind) {
        if (shared || behind == first + 1 || hasHole(first, first + 1)) {
            return;
        }
        unmap(first + 1, behind);
        area.begin(first, behind);
        TortureSpace.succeed(
                setup.space.mremap(address(first), TortureSpace.PAGE, (behind - first) * TortureSpace.PAGE, 0, 0));
        long lowest = area.content(first);
        for (int page = first + 1; page < behind; page++) {
            area.set(page, OwnedPages.state(lowest), 0, 0);
            area.wipe(page, OwnedPages.isWiped(lowest));
        }
        check(first, behind);
        area.end(first, behind);
        did("mremap larger");
    }

    private void discard(int first, int behind, int advice) {
        if (hasHole(first, behind)) {
            return;
        }
        area.begin(first, behind);
        long result = setup.space.madvise(address(first), (behind - first) * TortureSpace.PAGE, advice);
        for (int page = first; page < behind; page++) {
            long content = area.content(page);
            boolean perhaps = advice == Mman.FREE || Errno.isError(result);
            if (perhaps) {
                area.set(page, OwnedPages.state(content), 0, OwnedPages.high(content));
            } else if (!shared || advice == Mman.REMOVE) {
                area.set(page, OwnedPages.state(content), 0, 0);
            }
        }
        check(first, behind);
        area.end(first, behind);
        did("madvise " + advice);
    }

    /** Installs and removes guards within one change; afterwards the pages are zeros. */
    private void guard(int first, int behind) {
        if (shared || hasHole(first, behind) || has(OwnedPages.State.SHUT, first, behind)) {
            return;
        }
        long length = (behind - first) * TortureSpace.PAGE;
        area.begin(first, behind);
        long result = setup.space.madvise(address(first), length, Mman.GUARD_INSTALL);
        if (!Errno.isError(result)) {
            for (int page = first; page < behind; page++) {
                int events = view.load(address(page));
                contents.check(events == Fault.MAPERR, "a guard gave " + Fault.toString(events));
            }
            TortureSpace.succeed(setup.space.madvise(address(first), length, Mman.GUARD_REMOVE));
            for (int page = first; page < behind; page++) {
                area.set(page, OwnedPages.state(area.content(page)), 0, 0);
            }
            did("guards");
        }
        check(first, behind);
        area.end(first, behind);
    }

    /** Locks or populates pages, which changes no content. Memory may be short. */
    private void lock(int first, int behind, Random random) {
        long length = (behind - first) * TortureSpace.PAGE;
        if (random.nextBoolean()) {
            setup.space.mlock(address(first), length);
            setup.space.munlock(address(first), length);
            did("mlock");
        } else {
            setup.space.madvise(
                    address(first), length, random.nextBoolean() ? Mman.POPULATE_WRITE : Mman.POPULATE_READ);
            did("populate");
        }
        check(first, behind);
    }

    /** Splits and merges mappings; no page changes. */
    private void split(int first, int behind) {
        long length = (behind - first) * TortureSpace.PAGE;
        setup.space.madvise(address(first), length, Mman.DONTDUMP);
        check(first, behind);
        setup.space.madvise(address(first), length, Mman.DODUMP);
    }

    /** Moves all mapped pages to the other place. The source must be unmapped afterwards. */
    private void move(Random random) {
        area.begin(0, OwnedPages.PAGES);
        boolean keeps = !shared && random.nextBoolean();
        long from = area.at.get();
        long to = other;
        for (int first = 0; first < OwnedPages.PAGES; first++) {
            if (OwnedPages.state(area.content(first)) != OwnedPages.State.GONE) {
                moveOne(from, to, first, keeps);
            }
        }
        area.at.set(to);
        other = from;
        for (int page = 0; page < OwnedPages.PAGES; page++) {
            int left = view.load(from + page * TortureSpace.PAGE);
            contents.check(left == Fault.MAPERR, "where pages were moved from: " + Fault.toString(left));
        }
        check(0, OwnedPages.PAGES);
        area.end(0, OwnedPages.PAGES);
        did(keeps ? "mremap DONTUNMAP" : "mremap elsewhere");
    }

    private void moveOne(long from, long to, int page, boolean keeps) {
        long address = from + page * TortureSpace.PAGE;
        int flags = keeps ? MOVE | Mman.DONTUNMAP : MOVE;
        TortureSpace.succeed(setup.space.mremap(
                address, TortureSpace.PAGE, TortureSpace.PAGE, flags, to + page * TortureSpace.PAGE));
        if (keeps) {
            int result = view.load(address + TortureMachine.PARTS[0]);
            boolean isEmpty = OwnedPages.gives(OwnedPages.state(area.content(page)), result, false)
                    && (result != Fault.NONE || view.value() == 0);
            contents.check(
                    isEmpty, "DONTUNMAP has left " + Fault.toString(result) + " " + TortureMachine.say(view.value()));
            TortureSpace.succeed(setup.space.munmap(address, TortureSpace.PAGE));
        }
    }

    /**
     * Forks: the child's pages must be those of the parent at one instant, and the parent must not see the child's
     * stores.
     */
    private void fork(Random random) {
        children.makeRoom();
        OwnedPages neighbour = all.get(random.nextInt(all.size()));
        int theirs = random.nextInt(OwnedPages.PAGES);
        int turn = neighbour.turn(theirs);
        long expected = OwnedPages.inAChild(neighbour.content(theirs));
        long place = neighbour.at.get() + theirs * TortureSpace.PAGE;
        TortureMachine.View child;
        try {
            child = setup.new View(setup.space.fork());
        } catch (MmException refused) {
            forks.check(refused.errno() == Errno.ENOMEM, refused.toString());
            return;
        }
        boolean steady = (turn & 1) == 0 && turn == neighbour.turn(theirs);
        children.add(child);
        for (int page = 0; page < OwnedPages.PAGES; page++) {
            stamper.check(child, page, OwnedPages.inAChild(area.content(page)), forks);
        }
        if (steady && neighbour.isPrivate()) {
            int result = child.load(place + TortureMachine.PARTS[1]);
            boolean holds = OwnedPages.gives(OwnedPages.state(expected), result, false)
                    && (result != Fault.NONE || neighbour.has(expected, child.value(), theirs));
            forks.check(holds, holds ? "" : neighbour.say(theirs, expected, result, child.value()));
        }
        if (!shared) {
            scribble(child, random);
        }
        did("fork");
    }

    private void scribble(TortureMachine.View child, Random random) {
        for (int page = 0; page < OwnedPages.PAGES; page++) {
            if (random.nextBoolean() && OwnedPages.state(area.content(page)) == OwnedPages.State.WRITABLE) {
                child.store(address(page) + TortureMachine.PARTS[0], 0x5C41BB1EL);
            }
        }
        check(0, OwnedPages.PAGES);
    }

    /** Ends all children, after the actor's thread stopped. */
    void finish() {
        children.endAll();
    }
}
