// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.fault.Populate;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.space.InFlightRange;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.WaitingCall;
import dev.samara.core.internal.sync.Watch;
import dev.samara.core.internal.syscall.Brk;
import dev.samara.core.internal.syscall.ExpandStack;
import dev.samara.core.internal.syscall.Madvise;
import dev.samara.core.internal.syscall.Mlock;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.syscall.Mprotect;
import dev.samara.core.internal.syscall.Mremap;
import dev.samara.core.internal.syscall.Msync;
import dev.samara.core.internal.syscall.Munmap;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.BackingTraits;
import dev.samara.core.vma.SharedSegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One call of an operation, from its arguments to its completion.
 *
 * <p>Up to publication it is a loop of attempts, each an {@link Edit}. An attempt ends without a trace if the operation
 * must wait for a range in transit, or if a backing must be asked; then it waits, or asks, holding nothing, and starts
 * again. What is in transit after publication is retired and completed by the same thread or, if the call is
 * asynchronous, by one of the machine's.
 */
public final class Operation implements Watch {
    /** An operation that has started again so often insists on being next. */
    private static final int PATIENCE = 3;

    /**
     * So many calls deep an operation touches its stack before it publishes what is in transit. Interpreted, 15 are as
     * deep as what follows publication when that tells nobody of anything.
     */
    private static final int DEPTH = 17;

    private final Layout layout;
    private final Call call;

    /* The arguments, each in the place that the call gives it. */
    private final long address;
    private final long length;
    private final long third;
    private final long fourth;
    private final int flags;
    private final @Nullable Object object;

    /** When it first started, among the operations of its space; 0 before it has. */
    private long age;

    private int restarts;
    private @Nullable Ticket intent;
    private @Nullable BackingCallbacks questions;

    private boolean done;
    private boolean isPublished;
    private long result;
    private @Nullable InFlightRange transit;

    /** Where it has taken room for what is done on a thread of the machine. */
    private @Nullable Rcu room;

    /** Whether its attempt has found no worker idle that could retire what it takes away. */
    private boolean lacksWorker;

    /** Whether it need not have one: the end of a space, which may not be refused. */
    private boolean goesOnWithoutWorker;

    /** A worker for that; null until one is needed. */
    private @Nullable PageTableContext worker;

    /** What who judges accesses knows of it. */
    private List<AccessChecker.Revocation> takings = List.of();

    /** What is to be faulted in at the end. */
    private List<Populate> populations = List.of();

    public Operation(
            Layout layout,
            Call call,
            long address,
            long length,
            long third,
            long fourth,
            int flags,
            @Nullable Object object) {
        this.layout = layout;
        this.call = call;
        this.address = address;
        this.length = length;
        this.third = third;
        this.fourth = fourth;
        this.flags = flags;
        this.object = object;
    }

    /** Runs it to its end. */
    public long run() {
        Cpus.checkMayWait("a call of a space");
        layout.host().waitingCalls().attendAgain();
        Rcu behind = behind();
        if (behind != null && mayBeRefused() && !behind.awaitRoom()) {
            return Errno.EAGAIN.result();
        }
        beginTaking();
        try {
            publish();
        } finally {
            try {
                // Also if something was thrown after publication: its ranges belong to nobody else.
                if (transit != null) {
                    transit.retireAndWait();
                }
            } finally {
                endTaking();
            }
        }
        populate();
        return result;
    }

    /** Tells who judges accesses what may be taken away until it ends. */
    private void beginTaking() {
        Memory memory = layout.memoryOrNull();
        AccessChecker oracle = memory == null ? null : memory.oracle();
        if (oracle == null || !takesAway()) {
            return;
        }
        takings = new ArrayList<>(2);
        if (call == Call.MREMAP) {
            takings.add(taking(oracle, address, length));
            if ((flags & RemapFlags.FIXED) != 0) {
                takings.add(taking(oracle, fourth, third));
            }
        } else {
            boolean isAll = call == Call.BRK || call == Call.SHMAT || call == Call.SHMDT || call == Call.CLOSE;
            takings.add(isAll ? takingAll(oracle) : taking(oracle, address, length));
        }
    }

    private AccessChecker.Revocation takingAll(AccessChecker oracle) {
        return oracle.begin(toString(), AccessChecker.ALL, layout.pages().number(), 0, 0);
    }

    private AccessChecker.Revocation taking(AccessChecker oracle, long start, long bytes) {
        long limit = layout.geometry().limit();
        long end = start + layout.geometry().roundUp(bytes);
        // What does not lie in the space is refused; and a stack is protected down to where it begins.
        boolean hasRange = Long.compareUnsigned(bytes, limit) <= 0
                && Long.compareUnsigned(start, limit - bytes) <= 0
                && start != end
                && (call != Call.MPROTECT || (flags & (Protection.GROWSDOWN | Protection.GROWSUP)) == 0);
        return hasRange
                ? oracle.begin(toString(), AccessChecker.ALL, layout.pages().number(), start, end)
                : takingAll(oracle);
    }

    private void endTaking() {
        List<AccessChecker.Revocation> begun = takings;
        takings = List.of();
        begun.forEach(AccessChecker.Revocation::close);
    }

    private boolean takesAway() {
        return switch (call) {
            case MMAP -> (flags & MapFlags.FIXED) != 0;
            case MUNMAP, MPROTECT, MREMAP, BRK, MADVISE, SHMAT, SHMDT, CLOSE -> true;
            default -> false;
        };
    }

    /** Faults in what the operation has promised; nobody waits for that but the caller. */
    private void populate() {
        for (Populate population : populations) {
            result = population.run(layout, result);
        }
    }

    /** Ends an asynchronous operation; not on a thread that holds a lock. */
    public void complete(CompletableFuture<Long> promised) {
        endTaking();
        // Before backings are asked for pages: they may call operations, which wait for room.
        leaveRoom();
        try {
            populate();
            promised.complete(result);
        } catch (Throwable thrown) {
            // As a synchronous call throws it.
            promised.completeExceptionally(thrown);
        }
    }

    /** What it may leave something to wait behind; null if nothing waits, or the caller must not. */
    private @Nullable Rcu behind() {
        Memory memory = layout.memoryOrNull();
        return memory == null || InFlightRange.ofThisThread() != null ? null : memory.rcu();
    }

    /** What ends a space, makes one, or serves a fault goes on in any case. */
    private boolean mayBeRefused() {
        return switch (call) {
            case CLOSE, LOAD, FORK, GROW_STACK -> false;
            default -> true;
        };
    }

    /** Whether nothing is left of the space afterwards. */
    boolean endsSpace() {
        return call == Call.CLOSE;
    }

    /** Whether it unmaps a range for good, and does nothing else. */
    public boolean isMunmap() {
        return call == Call.MUNMAP;
    }

    private void leaveRoom() {
        Rcu left = room;
        if (left != null) {
            room = null;
            left.leave();
        }
    }

    /** Notes what is to be faulted in; those of an attempt in vain are forgotten. */
    void populate(Populate population) {
        if (populations.isEmpty()) {
            populations = new ArrayList<>(1);
        }
        populations.add(population);
    }

    /** Runs it up to publication; the rest is done by a thread of the machine, which completes the future. */
    public CompletableFuture<Long> start() {
        // First, since at the bound of grace periods what gives room back may wait for a CPU of this thread.
        Cpus.checkMayWait("an asynchronous call of a space");
        layout.host().waitingCalls().attendAgain();
        CompletableFuture<Long> future = new CompletableFuture<>();
        Populating populating = new Populating(this, future);
        Rcu behind = behind();
        if (behind != null && !behind.enter()) {
            future.complete(Errno.EAGAIN.result());
            return future;
        }
        room = behind;
        boolean returned = false;
        try {
            beginTaking();
            publish();
            returned = true;
        } finally {
            InFlightRange rest = transit;
            if (rest != null) {
                // Also if something was thrown after publication: its ranges belong to nobody else.
                rest.promise(future);
                rest.submit();
            } else if (!returned || populations.isEmpty()) {
                endTaking();
                leaveRoom();
            }
        }
        if (transit == null && populations.isEmpty()) {
            future.complete(result);
        } else if (transit == null) {
            layout.host().submit(populating);
        }
        return future;
    }

    /** An asynchronous operation that is complete but for what it faults in. Made before it publishes. */
    private static final class Populating extends WaitingCall {
        private final Operation operation;
        private final CompletableFuture<Long> future;

        Populating(Operation operation, CompletableFuture<Long> future) {
            this.operation = operation;
            this.future = future;
        }

        @Override
        protected boolean isReady() {
            return true;
        }

        @Override
        public void run() {
            operation.complete(future);
        }
    }

    private void publish() {
        try {
            while (!done) {
                Gate gate = attempt();
                if (gate != null) {
                    waitFor(gate);
                } else if (lacksWorker) {
                    takeWorker();
                } else if (!done) {
                    // Nobody may wait for a backing's answer, its own calls least of all.
                    withdraw();
                    questions().put();
                }
            }
        } finally {
            leave();
        }
    }

    /**
     * Takes what the retirement of what is about to be published needs. Caller holds the layout lock.
     *
     * @return false if the attempt must end first: this is refused, or must make a worker without the lock
     */
    boolean prepare(InFlightRange rest) {
        try {
            StackReserve.check(DEPTH);
            Memory memory = layout.memoryOrNull();
            if (memory == null) {
                return true;
            }
            if (worker == null && !goesOnWithoutWorker) {
                worker = memory.borrowIdle();
                lacksWorker = worker == null;
                if (lacksWorker) {
                    return false;
                }
            }
            rest.retireBy(new Retirement(rest, memory, worker));
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // The end of a space may not be refused: its caller gets the error.
            if (endsSpace()) {
                throw exhausted;
            }
            refused(Errno.ENOMEM.result());
            return false;
        }
        return true;
    }

    /** Makes a worker where none is idle. Caller holds no lock. */
    private void takeWorker() {
        lacksWorker = false;
        withdraw();
        try {
            worker = layout.memory().borrowOrNull();
            if (worker == null && endsSpace()) {
                // Its retirement is tried again until there is one.
                goesOnWithoutWorker = true;
            } else if (worker == null) {
                refused(Errno.EAGAIN.result());
            }
        } catch (OutOfMemoryError exhausted) {
            if (endsSpace()) {
                throw exhausted;
            }
            refused(Errno.ENOMEM.result());
        }
    }

    /** Tries once; returns what it must wait for before it tries again, or null. */
    private @Nullable Gate attempt() {
        try (Edit edit = new Edit(this)) {
            try {
                edit.finish(decide(edit));
                return null;
            } catch (Restart blocked) {
                restarts++;
                if (restarts >= PATIENCE && intent != null && !intent.isLeft()) {
                    layout.inTransit().add(intent);
                    intent.leave();
                }
                return blocked.gate();
            }
        }
    }

    private long decide(Edit edit) {
        return switch (call) {
            case MMAP -> Mmap.mmap(edit, address, length, (int) third, flags, (BackingTraits) object, fourth);
            case MUNMAP -> Munmap.munmap(edit, address, length);
            case MPROTECT -> Mprotect.mprotect(edit, address, length, flags);
            case MREMAP -> Mremap.mremap(edit, address, length, third, flags, fourth);
            case BRK -> Brk.brk(edit, address);
            case MADVISE -> Madvise.madvise(edit, address, length, flags);
            case MLOCK -> Mlock.mlock2(edit, address, length, flags);
            case MUNLOCK -> Mlock.munlock(edit, address, length);
            case MLOCKALL -> Mlock.mlockall(edit, flags);
            case MUNLOCKALL -> Mlock.munlockall(edit);
            case MSYNC -> Msync.msync(edit, address, length, flags);
            case MSEAL -> Mprotect.mseal(edit, address, length, third);
            case SHMAT -> Mmap.shmat(edit, (SharedSegment) object, address, flags);
            case SHMDT -> Munmap.shmdt(edit, address);
            case GROW_STACK -> ExpandStack.grow(edit, address);
            case LOAD, FORK -> filling().fill(edit);
            case CLOSE -> Munmap.everything(edit);
        };
    }

    /** Caller must hold no lock. */
    private void waitFor(Gate gate) {
        InFlightRange inside = InFlightRange.ofThisThread();
        if (inside != null) {
            throw new IllegalStateException(this + " was called by what retires " + inside
                    + ", and would have to wait for " + gate + ": nothing that is in transit may wait");
        }
        assert !layout.isLockedByThisThread() : "a wait under the layout lock";
        if (call == Call.CLOSE) {
            gate.awaitUninterruptibly(this);
        } else if (!gate.await(this)) {
            refused(Errno.EINTR.result());
        }
    }

    private Filling filling() {
        return (Filling) Objects.requireNonNull(object, "object");
    }

    /** Begins an attempt. Caller holds the layout lock. */
    void begin() {
        if (age == 0) {
            age = layout.nextAge();
        }
        populations = List.of();
        if (questions != null) {
            questions.restart();
        }
        if (intent != null) {
            intent.restart();
        } else if (restarts >= PATIENCE - 1 && InFlightRange.ofThisThread() == null) {
            // Should this attempt be in vain as well, what it has named is known.
            intent = new Ticket(this);
        }
    }

    /** Notes a range that the attempt is about. */
    void name(long start, long end) {
        if (intent != null) {
            intent.name(start, end);
        }
    }

    /** Ends the operation with nothing changed. */
    void refused(long refusal) {
        result = refusal;
        done = true;
    }

    /** Ends the attempts; what is in transit is left to be retired and completed. */
    void published(long answer, @Nullable InFlightRange rest) {
        result = answer;
        transit = rest;
        isPublished = true;
        done = true;
    }

    public Layout layout() {
        return layout;
    }

    long age() {
        return age;
    }

    long result() {
        return result;
    }

    /** What it asks of backings. */
    BackingCallbacks questions() {
        if (questions == null) {
            questions = new BackingCallbacks(layout.host());
        }
        return questions;
    }

    /** Whether the current attempt has come to no question without an answer. */
    boolean isAnswered() {
        return questions == null || questions.areAnswered();
    }

    /** On every way out: what is left behind under the lock, and at backings that were asked in vain. */
    private void leave() {
        PageTableContext unused = transit == null ? worker : null;
        worker = null;
        if (unused != null) {
            layout.memory().giveBack(unused);
        }
        withdraw();
        if (questions != null) {
            if (isPublished) {
                questions.takeBackUnused();
            } else {
                questions.takeBackAll();
            }
            // What is in transit is found by way of this operation, and must not keep the VMAs asked about.
            questions = null;
        }
    }

    /** Lets those pass that its intent has stopped. Caller must hold no lock. */
    private void withdraw() {
        Ticket mine = intent;
        if (mine == null) {
            return;
        }
        intent = null;
        layout.lock();
        try {
            layout.inTransit().remove(mine);
        } finally {
            layout.unlock();
        }
        Gate.wake(mine.open());
    }

    @Override
    public long reportAfterNanos() {
        return layout.host().longWaitNanos();
    }

    @Override
    public void waitsLong(Gate gate, Thread waiter, long nanos) {
        layout.host().reportLongWait(toString(), gate, waiter, nanos);
    }

    /** The call with its arguments, in the order of the system call; of what is mapped, only a segment is named. */
    @Override
    public String toString() {
        String name = call.name().toLowerCase(Locale.ROOT);
        return switch (call) {
            case MMAP, MREMAP ->
                String.format(
                        Locale.ROOT, "%s(0x%x, 0x%x, 0x%x, 0x%x, 0x%x)", name, address, length, third, flags, fourth);
            case MUNMAP, MUNLOCK -> String.format(Locale.ROOT, "%s(0x%x, 0x%x)", name, address, length);
            case MPROTECT, MADVISE, MSYNC ->
                String.format(Locale.ROOT, "%s(0x%x, 0x%x, 0x%x)", name, address, length, flags);
            case MLOCK -> String.format(Locale.ROOT, "mlock2(0x%x, 0x%x, 0x%x)", address, length, flags);
            case MSEAL -> String.format(Locale.ROOT, "%s(0x%x, 0x%x, 0x%x)", name, address, length, third);
            case SHMAT -> String.format(Locale.ROOT, "%s(%s, 0x%x, 0x%x)", name, object, address, flags);
            case BRK, SHMDT, GROW_STACK -> String.format(Locale.ROOT, "%s(0x%x)", name, address);
            case MLOCKALL -> String.format(Locale.ROOT, "%s(0x%x)", name, flags);
            case MUNLOCKALL, LOAD, FORK, CLOSE -> name;
        };
    }
}
