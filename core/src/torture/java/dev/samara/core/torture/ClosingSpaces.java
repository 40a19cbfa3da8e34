// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Spaces that are closed while other threads map one page of a file in them, add to the page in GUEST without a poll,
 * unmap it, and truncate the file. As long as a CPU can add to the page, the page's frame is not reused, so each
 * addition finds the result of earlier additions. A closed space rejects all of these calls, and is replaced with
 * another one.
 */
final class ClosingSpaces {
    private static final long PLACE = 0x68_0000_0000L;

    /** The number under which the accesses are recorded. */
    private static final long NUMBER = 0xfe;

    private static final int WRITABLE = Mman.READ | Mman.WRITE;
    private static final long MOST_ADDED = 1L << 30;

    /** The maximum stay of the CPU in GUEST: the maximum nap of the closing thread plus that of the cutting thread. */
    private static final int LONGEST_STAY_NANOS = 4_000_000;

    private static final long TOUCH_NANOS = 50_000;

    private final TortureMachine setup;
    private final Checker contents;
    private volatile AddressSpace space;
    private final MemoryFile file;
    private final Backing open;

    /** The number of started stays in GUEST, and the stay at which the latest unmapping was aimed. */
    private final AtomicLong stays = new AtomicLong();

    private final AtomicLong unmapped = new AtomicLong();

    ClosingSpaces(TortureMachine setup, int inode, Checker contents) {
        this.setup = setup;
        this.contents = contents;
        space = setup.machine.newSpace(TortureSpace.GEOMETRY);
        file = setup.machine.newFile("/closing", inode, TortureSpace.GEOMETRY, TortureSpace.PAGE);
        open = file.open();
    }

    private synchronized boolean replaces(AddressSpace old, AddressSpace next) {
        boolean isFirst = space == old;
        if (isFirst) {
            space = next;
        }
        return isFirst;
    }

    /** Closes the space, and replaces it with another one. */
    Actor closer() {
        return random -> {
            AddressSpace old = space;
            old.close();
            AddressSpace next = setup.machine.newSpace(TortureSpace.GEOMETRY);
            if (!replaces(old, next)) {
                next.close();
            }
            setup.events.count("spaces closed beside use");
            setup.failures.nap(4);
        };
    }

    /** Maps the page and adds to it in GUEST; concurrent changes of the mapping must wait for this CPU. */
    Actor user() {
        return random -> {
            AddressSpace of = space;
            TortureMachine.View view = setup.new View(of, NUMBER);
            int flags = Mman.SHARED | Mman.FIXED;
            if (isClosed(of.mmap(PLACE, TortureSpace.PAGE, WRITABLE, flags, open, 0)) || !enters(view)) {
                setup.events.count("uses of a closed space refused");
                return;
            }
            try {
                add(view);
                stays.incrementAndGet();
                long until = System.nanoTime() + random.nextInt(LONGEST_STAY_NANOS);
                while (System.nanoTime() - until < 0) {
                    LockSupport.parkNanos(TOUCH_NANOS);
                    if (!add(view)) {
                        break;
                    }
                }
            } finally {
                view.leaveGuest();
            }
        };
    }

    /** Returns whether the close made the call fail; any other failure is an error. */
    private static boolean isClosed(long result) {
        return result == Errno.ESRCH.result() || TortureSpace.succeed(result) < 0;
    }

    private static boolean enters(TortureMachine.View view) {
        try {
            view.enterGuest();
            return true;
        } catch (MmException refused) {
            if (refused.errno() != Errno.ESRCH) {
                throw refused;
            }
            return false;
        }
    }

    private boolean add(TortureMachine.View view) {
        int result = view.addInOneStep(PLACE, 1);
        if (result != Fault.NONE) {
            boolean known = result == Fault.MAPERR || result == Fault.ADRERR || result == Fault.OUT_OF_MEMORY;
            contents.check(known, "a page of a space that is closed gave " + Fault.toString(result));
            return false;
        }
        boolean holds = view.seen() >= 0 && view.seen() < MOST_ADDED;
        contents.check(holds, holds ? "" : "a page of a space that is closed has " + TortureMachine.say(view.seen()));
        return true;
    }

    /** Unmaps the page while a CPU adds to it. */
    Actor unmapper() {
        return random -> {
            long stay = stays.get();
            if (unmapped.getAndSet(stay) == stay) {
                LockSupport.parkNanos(TOUCH_NANOS);
                return;
            }
            if (isClosed(space.munmap(PLACE, TortureSpace.PAGE))) {
                setup.events.count("unmappings in a closed space refused");
            }
        };
    }

    /**
     * Truncates the file, which frees the page, so that other pages can take its frame, and then extends the file
     * again.
     */
    Actor cutter() {
        return random -> {
            LockSupport.parkNanos(random.nextInt(LONGEST_STAY_NANOS / 2));
            succeed(file.truncate(0));
            succeed(file.truncate(TortureSpace.PAGE));
        };
    }

    private static void succeed(long result) {
        if (Errno.isError(result)) {
            throw new IllegalStateException("refused: " + Errno.of(result));
        }
    }

    /** Closes everything, after all threads stopped. */
    void finish() {
        AddressSpace last = space;
        last.validate();
        last.close();
        file.close();
    }
}
