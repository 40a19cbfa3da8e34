// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Owns a plot of anonymous memory, private or shared, and does to it whatever the calls of a space can: nobody else
 * does, so it knows what each page must be after each call.
 */
final class Holder implements Actor {
    private static final int WRITABLE = Protection.READ | Protection.WRITE;
    private static final int MOST_CHILDREN = 2;
    private static final Plot.State[] RIGHTS = {
        Plot.State.WRITABLE, Plot.State.WRITABLE, Plot.State.READABLE, Plot.State.SHUT
    };
    private static final int MOVE = RemapFlags.MAYMOVE | RemapFlags.FIXED;

    private static final String HOLDERS = "holders: ";

    /** What holders do, as it is counted. */
    static final List<String> KINDS = Stream.of(
                    "MAP_FIXED",
                    "munmap",
                    "mprotect WRITABLE",
                    "mprotect READABLE",
                    "mprotect SHUT",
                    "madvise " + Advice.DONTNEED,
                    "madvise " + Advice.DONTNEED_LOCKED,
                    "madvise " + Advice.FREE,
                    "madvise " + Advice.REMOVE,
                    "madvise " + Advice.COLD,
                    "madvise " + Advice.PAGEOUT,
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

    final Plot plot;

    private final MemoryGround ground;
    private final MemoryGround.View view;
    private final boolean shared;
    private final Stamper stamper;
    private final List<Plot> all;
    private final Checker contents;
    private final Checker forks;
    private final Checker leaks;
    private final Deque<MemoryGround.View> children = new ArrayDeque<>();
    private long other;

    Holder(MemoryGround ground, int owner, boolean shared, List<Plot> all, Judges judges) {
        this.ground = ground;
        this.shared = shared;
        this.all = all;
        contents = judges.contents();
        forks = judges.forks();
        leaks = judges.leaks();
        view = ground.view();
        long[] places = ground.plot(Plot.PAGES);
        plot = new Plot(owner, places[0], shared);
        other = places[1];
        stamper = new Stamper(ground, plot, contents);
    }

    /** What a holder checks. */
    record Judges(Checker contents, Checker forks, Checker leaks) {}

    private long address(int page) {
        return plot.at.get() + page * Ground.PAGE;
    }

    @Override
    public void step(Random random) {
        int first = random.nextInt(Plot.PAGES);
        int behind = first + 1 + random.nextInt(Math.min(4, Plot.PAGES - first));
        switch (random.nextInt(48)) {
            case 0, 1 -> map(first, behind);
            case 2 -> unmap(first, behind);
            case 3, 4, 5 -> protect(first, behind, RIGHTS[random.nextInt(RIGHTS.length)]);
            case 6, 7 -> discard(first, behind, shared ? Advice.REMOVE : Advice.DONTNEED);
            case 8 -> discard(first, behind, random.nextBoolean() ? Advice.DONTNEED : Advice.DONTNEED_LOCKED);
            case 9 -> discard(first, behind, Advice.FREE);
            case 10 -> guard(first, behind);
            case 11 -> lock(first, behind, random);
            case 12, 13, 14 -> move(random);
            case 15, 16 -> fork(random);
            case 17 -> endChild();
            case 18 -> split(first, behind);
            case 19 -> advise(first, behind, random.nextBoolean() ? Advice.COLD : Advice.PAGEOUT);
            case 20 -> wipe(first, behind, random.nextBoolean());
            case 21 -> shrink(first, behind);
            case 22, 23 -> grow(first, behind);
            case 24, 25, 26 -> check(first, behind);
            default -> stamper.stamp(first, random);
        }
    }

    private void did(String what) {
        ground.met.count(HOLDERS + what);
    }

    private void check(int first, int behind) {
        stamper.check(first, behind);
    }

    private void map(int first, int behind) {
        plot.begin(first, behind);
        int flags = MapFlags.FIXED | MapFlags.ANONYMOUS | (shared ? MapFlags.SHARED : MapFlags.PRIVATE);
        Ground.succeed(ground.space.mmap(address(first), (behind - first) * Ground.PAGE, WRITABLE, flags, null, 0));
        for (int page = first; page < behind; page++) {
            plot.set(page, Plot.State.WRITABLE, 0, 0);
            plot.wipe(page, false);
        }
        check(first, behind);
        plot.end(first, behind);
        did("MAP_FIXED");
    }

    private void unmap(int first, int behind) {
        plot.begin(first, behind);
        Ground.succeed(ground.space.munmap(address(first), (behind - first) * Ground.PAGE));
        for (int page = first; page < behind; page++) {
            plot.set(page, Plot.State.GONE, 0, 0);
            plot.wipe(page, false);
        }
        check(first, behind);
        plot.end(first, behind);
        did("munmap");
    }

    private boolean hasHole(int first, int behind) {
        return has(Plot.State.GONE, first, behind);
    }

    private boolean has(Plot.State state, int first, int behind) {
        for (int page = first; page < behind; page++) {
            if (Plot.state(plot.content(page)) == state) {
                return true;
            }
        }
        return false;
    }

    private void protect(int first, int behind, Plot.State state) {
        if (hasHole(first, behind)) {
            return;
        }
        int rights = state == Plot.State.WRITABLE
                ? WRITABLE
                : state == Plot.State.READABLE ? Protection.READ : Protection.NONE;
        plot.begin(first, behind);
        Ground.succeed(ground.space.mprotect(address(first), (behind - first) * Ground.PAGE, rights));
        for (int page = first; page < behind; page++) {
            plot.set(page, state);
        }
        check(first, behind);
        plot.end(first, behind);
        did("mprotect " + state);
    }

    /** What changes no content. */
    private void advise(int first, int behind, int advice) {
        ground.space.madvise(address(first), (behind - first) * Ground.PAGE, advice);
        check(first, behind);
        did("madvise " + advice);
    }

    /** Has children find zeros. */
    private void wipe(int first, int behind, boolean wiped) {
        if (shared || hasHole(first, behind)) {
            return;
        }
        plot.begin(first, behind);
        Ground.succeed(ground.space.madvise(
                address(first), (behind - first) * Ground.PAGE, wiped ? Advice.WIPEONFORK : Advice.KEEPONFORK));
        for (int page = first; page < behind; page++) {
            plot.wipe(page, wiped);
        }
        check(first, behind);
        plot.end(first, behind);
        did(wiped ? "WIPEONFORK" : "KEEPONFORK");
    }

    /** Leaves one page of some. */
    private void shrink(int first, int behind) {
        if (behind == first + 1 || hasHole(first, behind)) {
            return;
        }
        plot.begin(first, behind);
        long shrunk = ground.space.mremap(address(first), (behind - first) * Ground.PAGE, Ground.PAGE, 0, 0);
        for (int page = first + 1; page < behind && !Errno.isError(shrunk); page++) {
            plot.set(page, Plot.State.GONE, 0, 0);
            plot.wipe(page, false);
        }
        check(first, behind);
        plot.end(first, behind);
        if (!Errno.isError(shrunk)) {
            did("mremap smaller");
        }
    }

    /** Makes one page some, over a hole that it makes first. */
    private void grow(int first, int behind) {
        if (shared || behind == first + 1 || hasHole(first, first + 1)) {
            return;
        }
        unmap(first + 1, behind);
        plot.begin(first, behind);
        Ground.succeed(ground.space.mremap(address(first), Ground.PAGE, (behind - first) * Ground.PAGE, 0, 0));
        long lowest = plot.content(first);
        for (int page = first + 1; page < behind; page++) {
            plot.set(page, Plot.state(lowest), 0, 0);
            plot.wipe(page, Plot.isWiped(lowest));
        }
        check(first, behind);
        plot.end(first, behind);
        did("mremap larger");
    }

    private void discard(int first, int behind, int advice) {
        if (hasHole(first, behind)) {
            return;
        }
        plot.begin(first, behind);
        long result = ground.space.madvise(address(first), (behind - first) * Ground.PAGE, advice);
        for (int page = first; page < behind; page++) {
            long content = plot.content(page);
            boolean perhaps = advice == Advice.FREE || Errno.isError(result);
            if (perhaps) {
                plot.set(page, Plot.state(content), 0, Plot.high(content));
            } else if (!shared || advice == Advice.REMOVE) {
                plot.set(page, Plot.state(content), 0, 0);
            }
        }
        check(first, behind);
        plot.end(first, behind);
        did("madvise " + advice);
    }

    /** Guards come and go within one change: what lies below is zeros then. */
    private void guard(int first, int behind) {
        if (shared || hasHole(first, behind) || has(Plot.State.SHUT, first, behind)) {
            return;
        }
        long length = (behind - first) * Ground.PAGE;
        plot.begin(first, behind);
        long result = ground.space.madvise(address(first), length, Advice.GUARD_INSTALL);
        if (!Errno.isError(result)) {
            for (int page = first; page < behind; page++) {
                int met = view.load(address(page));
                contents.check(met == Fault.MAPERR, "a guard gave " + Fault.toString(met));
            }
            Ground.succeed(ground.space.madvise(address(first), length, Advice.GUARD_REMOVE));
            for (int page = first; page < behind; page++) {
                plot.set(page, Plot.state(plot.content(page)), 0, 0);
            }
            did("guards");
        }
        check(first, behind);
        plot.end(first, behind);
    }

    /** What populates changes nothing; it may find no memory. */
    private void lock(int first, int behind, Random random) {
        long length = (behind - first) * Ground.PAGE;
        if (random.nextBoolean()) {
            ground.space.mlock(address(first), length);
            ground.space.munlock(address(first), length);
            did("mlock");
        } else {
            ground.space.madvise(
                    address(first), length, random.nextBoolean() ? Advice.POPULATE_WRITE : Advice.POPULATE_READ);
            did("populate");
        }
        check(first, behind);
    }

    /** Cuts and joins mappings: no page changes. */
    private void split(int first, int behind) {
        long length = (behind - first) * Ground.PAGE;
        ground.space.madvise(address(first), length, Advice.DONTDUMP);
        check(first, behind);
        ground.space.madvise(address(first), length, Advice.DODUMP);
    }

    /** Moves runs of what is mapped alike; what was elsewhere is not there any more. */
    private void move(Random random) {
        plot.begin(0, Plot.PAGES);
        boolean keeps = !shared && random.nextBoolean();
        long from = plot.at.get();
        long to = other;
        for (int first = 0; first < Plot.PAGES; first++) {
            if (Plot.state(plot.content(first)) != Plot.State.GONE) {
                moveOne(from, to, first, keeps);
            }
        }
        plot.at.set(to);
        other = from;
        for (int page = 0; page < Plot.PAGES; page++) {
            int left = view.load(from + page * Ground.PAGE);
            contents.check(left == Fault.MAPERR, "where pages were moved from: " + Fault.toString(left));
        }
        check(0, Plot.PAGES);
        plot.end(0, Plot.PAGES);
        did(keeps ? "mremap DONTUNMAP" : "mremap elsewhere");
    }

    private void moveOne(long from, long to, int page, boolean keeps) {
        long address = from + page * Ground.PAGE;
        int flags = keeps ? MOVE | RemapFlags.DONTUNMAP : MOVE;
        Ground.succeed(ground.space.mremap(address, Ground.PAGE, Ground.PAGE, flags, to + page * Ground.PAGE));
        if (keeps) {
            int result = view.load(address + MemoryGround.PARTS[0]);
            boolean isEmpty = Plot.gives(Plot.state(plot.content(page)), result, false)
                    && (!Fault.isDone(result) || view.value() == 0);
            contents.check(
                    isEmpty, "DONTUNMAP has left " + Fault.toString(result) + " " + MemoryGround.say(view.value()));
            Ground.succeed(ground.space.munmap(address, Ground.PAGE));
        }
    }

    /** The child's pages are the parent's of one instant; what the child does to them, the parent does not see. */
    private void fork(Random random) {
        if (children.size() == MOST_CHILDREN) {
            endChild();
        }
        Plot neighbour = all.get(random.nextInt(all.size()));
        int theirs = random.nextInt(Plot.PAGES);
        int turn = neighbour.turn(theirs);
        long expected = Plot.inAChild(neighbour.content(theirs));
        long place = neighbour.at.get() + theirs * Ground.PAGE;
        MemoryGround.View child;
        try {
            child = ground.new View(ground.space.fork());
        } catch (MmException refused) {
            forks.check(refused.errno() == Errno.ENOMEM, refused.toString());
            return;
        }
        boolean steady = (turn & 1) == 0 && turn == neighbour.turn(theirs);
        children.add(child);
        for (int page = 0; page < Plot.PAGES; page++) {
            stamper.check(child, page, Plot.inAChild(plot.content(page)), forks);
        }
        if (steady && neighbour.isPrivate()) {
            int result = child.load(place + MemoryGround.PARTS[1]);
            boolean holds = Plot.gives(Plot.state(expected), result, false)
                    && (!Fault.isDone(result) || neighbour.has(expected, child.value(), theirs));
            forks.check(holds, holds ? "" : neighbour.say(theirs, expected, result, child.value()));
        }
        if (!shared) {
            scribble(child, random);
        }
        did("fork");
    }

    private void scribble(MemoryGround.View child, Random random) {
        for (int page = 0; page < Plot.PAGES; page++) {
            if (random.nextBoolean() && Plot.state(plot.content(page)) == Plot.State.WRITABLE) {
                child.store(address(page) + MemoryGround.PARTS[0], 0x5C41BB1EL);
            }
        }
        check(0, Plot.PAGES);
    }

    /** Ends the oldest child, once in a while with pages in transit. */
    private void endChild() {
        MemoryGround.View child = children.poll();
        if (child != null) {
            end(child.of);
        }
    }

    private void end(AddressSpace child) {
        child.validate();
        child.close();
        leaks.check(child.usage().maps() == 0, "a child is not empty after close");
        int tables = MemoryGround.tablesLeft(child);
        leaks.check(tables == 0, tables + " page tables of a child are left after close");
    }

    /** Ends all children; its thread has stopped. */
    void finish() {
        while (!children.isEmpty()) {
            endChild();
        }
    }
}
