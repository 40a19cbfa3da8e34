// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** An operation that is held between publication and completion. */
final class Held {
    private final Kind kind;
    private final Contender contender;
    private final Gatekeeper gatekeeper;
    private final CountDownLatch arrived = new CountDownLatch(1);
    private final CountDownLatch release = new CountDownLatch(1);
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private final Thread thread;

    enum Kind {
        /** Unmaps a mapping. */
        MUNMAP(Ground.own(2000)),
        /** Replaces a mapping. */
        MAP_FIXED(Ground.own(2001)),
        /** Moves a mapping. */
        MREMAP(Ground.own(2002));

        private final long start;

        Kind(long start) {
            this.start = start;
        }
    }

    /** The notifier that the contender calls in its retire phase. It blocks only the operations that are to be held. */
    static final class Gatekeeper implements MmuNotifier {
        private final List<Held> held = new CopyOnWriteArrayList<>();

        @Override
        public void invalidate(long start, long end, Reason reason) {
            // Measured operations return here, so that they do not pay for the search.
            if (start < Kind.MUNMAP.start) {
                return;
            }
            for (Held one : held) {
                if (one.kind.start == start) {
                    one.stay();
                }
            }
        }
    }

    /** Starts an operation in a new thread, and returns once it is held. */
    Held(Kind kind, Contender contender, Gatekeeper gatekeeper) throws InterruptedException {
        this.kind = kind;
        this.contender = contender;
        this.gatekeeper = gatekeeper;
        Ground.done(contender.mmap(kind.start, Ground.LENGTH, Protection.READ, Ground.HERE, null));
        gatekeeper.held.add(this);
        thread = new Thread(this::run, "held " + kind);
        thread.start();
        arrived.await();
    }

    private void run() {
        long start = kind.start;
        try {
            Ground.done(
                    switch (kind) {
                        case MUNMAP -> contender.munmap(start, Ground.LENGTH);
                        case MAP_FIXED -> contender.mmap(start, Ground.LENGTH, Protection.WRITE, Ground.HERE, null);
                        case MREMAP ->
                            contender.mremap(
                                    start,
                                    Ground.LENGTH,
                                    Ground.LENGTH,
                                    RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED,
                                    start + 2 * Ground.LENGTH);
                    });
        } catch (Throwable thrown) {
            failure.set(thrown);
        } finally {
            arrived.countDown();
        }
    }

    private void stay() {
        arrived.countDown();
        try {
            release.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted, which nothing here does", e);
        }
    }

    /** Lets the operation complete, and removes its remaining mappings. */
    void release() throws InterruptedException {
        if (!thread.isAlive()) {
            throw new IllegalStateException(kind + " was not held", failure.get());
        }
        gatekeeper.held.remove(this);
        release.countDown();
        thread.join();
        Throwable thrown = failure.get();
        if (thrown != null) {
            throw new IllegalStateException(kind + " failed", thrown);
        }
        Ground.done(contender.munmap(kind.start, 4 * Ground.LENGTH));
    }
}
