// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.cpu.ThreadCpus;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.CheckpointLog;
import dev.samara.core.internal.page.CheckpointLog.Room;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTable.Leaf;
import dev.samara.core.internal.page.PageTable.TableReserve;
import dev.samara.core.internal.page.PageTable.TableReserve.Need;
import dev.samara.core.internal.page.PageTableContexts.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.District;
import dev.samara.core.internal.space.District.BeyondDistrict;
import dev.samara.core.internal.space.InFlightOperation;
import dev.samara.core.internal.space.InFlightOperation.PageAction;
import dev.samara.core.internal.space.InFlightOperation.PageMove;
import dev.samara.core.internal.space.InFlightOperations.Ticket;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineThreads;
import dev.samara.core.internal.space.MachineThreads.MachineWaitReporter;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Ranges;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.StackReserve;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.Open;
import dev.samara.core.mman.Errno;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The run of one {@link Call}, from its arguments to its completion.
 *
 * <ol>
 *   <li><em>Start.</em> A closed layout refuses the call. If the work that grace periods defer is at its bound, the
 *       call waits or is refused; an asynchronous call keeps a place in that work until it is complete. The access
 *       checker of a checked machine records which ranges the call may revoke.
 *   <li><em>Attempts.</em> Each attempt is an {@link Edit} of the part of the layout that contains {@link Call#from} to
 *       {@link Call#to}. {@link Call#decide} fills it in, and {@link Edit#publish} acquires the resources of the
 *       retirement and commits. An attempt that cannot continue under the lock is dropped without effect. Its {@link
 *       AttemptOutcome} determines what the thread does without the lock before it retries: it waits for a range in
 *       flight ({@link RangeWait}), asks a backing ({@link BackingQuestions}), acquires a page table context, page
 *       tables ({@link PreallocatedTables}) or room for the records of checkpoints ({@link ReservedRoom}), locks the
 *       whole layout, or publishes the next batch ({@link PublicationBatches}).
 *   <li><em>Retirement.</em> After publication the range in flight is retired and completed by its {@link
 *       RetirementRun}: on the calling thread, or for an asynchronous call on one of the machine's threads.
 *   <li><em>End.</em> The revocations and the place end. The caller faults in {@link #populations}.
 * </ol>
 *
 * <p>An operation that cannot get a resource of its retirement fails before it publishes: with {@code EAGAIN} if there
 * is no page table context, with {@code ENOMEM} if there is not enough memory or stack. An attempt only checks for the
 * resources, under the layout lock; what is missing is acquired without the lock.
 *
 * <p>Used by the operation's thread until its last batch is published, then by the thread that completes it.
 */
public final class Operation implements MachineWaitReporter {
    /**
     * A call on a space with its arguments. {@code toString} formats it like a system call, for reports and exception
     * messages.
     */
    public interface Call {
        /**
         * Decides the call on the layout of an edit, which holds the layout lock. Called once for each attempt; an
         * attempt that is not published leaves no trace in this object.
         *
         * @return the result of the call, or a negated errno
         * @throws Operation.Restart if the attempt must wait; contains the gate to wait for
         */
        long decide(Edit edit);

        /**
         * Checks all ranges of a call that {@linkplain Edit#endsBatchAt publishes in batches}, before its first batch.
         * The call keeps its ranges claimed, so their VMAs do not change. Called without a lock.
         *
         * @return the number that {@link Edit#note} returns in the first batch, or a negated errno
         */
        default long checkAll(Layout layout) {
            return 0;
        }

        /**
         * Returns the first address of a range that contains all addresses which the arguments name. An attempt locks
         * only the part of the layout that contains this range; if it needs more, the next attempt locks the whole
         * layout. The default is the range of all addresses.
         */
        default long from(Layout layout) {
            return 0;
        }

        /** Returns the exclusive end of the range that starts at {@link #from}. */
        default long to(Layout layout) {
            return -1;
        }

        /** Adds the ranges in which the call may remove mappings, pages or rights. Called before the first attempt. */
        default void revoke(Operation operation) {}

        /** Returns false for calls that end a space, create one, or serve a fault, because these are never refused. */
        default boolean mayBeRefused() {
            return true;
        }

        /** Returns whether the call ends its space. */
        default boolean endsSpace() {
            return false;
        }

        /**
         * Returns whether an interrupt does not end the waits of the call, because the call must not fail: it ends its
         * space, or serves a fault.
         */
        default boolean isUninterruptible() {
            return endsSpace();
        }

        /** Returns whether the call is a {@code munmap}, which only unmaps its range. */
        default boolean isMunmap() {
            return false;
        }

        /** Returns the cut within which the call is made, so that it does not wait for it; null for any other call. */
        default @Nullable Cut cut() {
            return null;
        }

        /**
         * Returns an open that a new VMA shares instead of asking its backing; null if there is none. The caller keeps
         * it until the operation is published.
         */
        default @Nullable Open openFor(VmArea fresh) {
            return null;
        }

        /** Formats a call, with its arguments in hexadecimal and in the order of the system call. */
        static String text(String name, Number... arguments) {
            StringBuilder text = new StringBuilder(name).append('(');
            String separator = "";
            for (Number argument : arguments) {
                text.append(separator).append(String.format(Locale.ROOT, "0x%x", argument));
                separator = ", ";
            }
            return text.append(')').toString();
        }
    }

    /**
     * A range that a call requested ({@link Edit#populate}), and that {@code fault.Populate} faults in after the call
     * is complete.
     *
     * @param kind the reason
     * @param start a page boundary
     * @param end a page boundary above the start, exclusive
     */
    public record PopulateRange(Kind kind, long start, long end) {
        /** The reason, which determines the access and which errors are reported. */
        public enum Kind {
            /** For {@code MAP_POPULATE}, or because a new or grown mapping is locked: as many pages as possible. */
            BEST_EFFORT,
            /** For {@code mlock}. */
            LOCK,
            /** For {@code MADV_POPULATE_READ}. */
            READ,
            /** For {@code MADV_POPULATE_WRITE}. */
            WRITE
        }
    }

    /**
     * The stack that an operation needs, in stack frames, apart from callbacks. It is checked before the first change,
     * when an overflow leaves nothing to undo.
     */
    private static final int DEPTH = 60;

    /**
     * The number of stack frames that an operation touches before it publishes a range. In the interpreter, 12 frames
     * are as deep as the code after publication if no notifier or listener is called and no other operation is in
     * flight. The submission of a task to one of the machine's threads, which is at a third of that depth, itself
     * checks for 12 frames.
     */
    private static final int RETIREMENT_DEPTH = 24;

    public final Layout layout;

    /** The memory of the machine; null if it was built without memory. */
    final @Nullable MachineMemory memory;

    /** Its methods are called only where it matters, because each call is an interface call on one of many classes. */
    final Call call;

    /** {@link Call#endsSpace} of the call. */
    final boolean endsSpace;

    /** The privileges at the start of the call. */
    final int privileges;

    /** The result of the call, once it is published or refused. */
    private long result;

    /** The ranges to fault in after completion. */
    private List<PopulateRange> populations = List.of();

    /** The published range in flight; null if there is none. */
    private @Nullable RetirementRun retirement;

    private boolean isPublished;

    /** Whether an attempt in a part of the layout needed more, so the next attempt locks the whole layout. */
    boolean isBeyondPart;

    /** Whether the call publishes once although it may visit many VMAs. */
    boolean isWhole;

    /** Whether forks wait for the next attempt, because the last one had to wait for the copy of a fork. */
    private boolean delaysForks;

    /**
     * The grace periods in whose bounded work an asynchronous operation has a place from its start to its completion;
     * null if no bound applies. The operation occupies no place while it calls backings, because a backing may itself
     * wait for a place.
     */
    private @Nullable Rcu backlog;

    private boolean hasPlace;

    /** The access checker's records of the ranges that the call may revoke; null if the machine is not checked. */
    private @Nullable List<AccessChecker.Revocation> revocations;

    /** The page table context for the retirement; null until one is needed. */
    private @Nullable PageTableContext context;

    /** Whether the resource that the attempt lacked was an idle page table context. */
    private boolean lacksContext;

    /** Whether the resource that the attempt lacked was room for the records of a checkpoint. */
    private boolean lacksRoom;

    /**
     * Whether the operation publishes without a page table context. Only the end of a space, which must not be refused,
     * and a later batch of a call whose earlier batches needed no context do so.
     */
    private boolean goesOnWithoutContext;

    /* Created when they are first needed, which is seldom; null until then. */
    private @Nullable PreallocatedTables tables;
    private @Nullable ReservedRoom room;
    private @Nullable RangeWait waits;

    @Nullable
    BackingQuestions callbacks;

    /** The publication in batches; null for a call that publishes once. */
    @Nullable
    PublicationBatches batches;

    public Operation(Layout layout, Call call) {
        this.layout = layout;
        this.call = call;
        endsSpace = call.endsSpace();
        memory = layout.memoryOrNull();
        privileges = layout.privileges.held();
    }

    /** Returns the result of the call, once it is published or refused. */
    public long result() {
        return result;
    }

    /** Returns the ranges to fault in after completion. */
    public List<PopulateRange> populations() {
        return populations;
    }

    @Override
    public MachineThreads threads() {
        return layout.host.threads;
    }

    @Override
    public String toString() {
        return call.toString();
    }

    /* The start and the end. */

    /**
     * Runs the operation and waits until it is complete. The caller must hold no lock, and faults in {@link
     * #populations} afterwards.
     *
     * @return the result of the call, or a negated errno
     */
    public long run() {
        ThreadCpus.checkMayWait("a call of a space");
        boolean isSpecial = layout.isSpecial();
        if (isSpecial && isRefusedByClose()) {
            return result;
        }
        StackReserve.check(DEPTH);
        if (isSpecial) {
            attend();
            Rcu bound = call.mayBeRefused() ? bound() : null;
            if (bound != null && !bound.awaitRoom()) {
                return Errno.EAGAIN.result();
            }
            // Checked again, because the wait for room may have run code of the embedder on this thread.
            ThreadCpus.checkMayWait(District.LOCKING);
            beginRevocations();
        }
        try {
            publish();
        } finally {
            try {
                // Runs even after an exception that follows publication, because no other thread retires the range.
                if (retirement != null) {
                    retirement.retireAndWait();
                }
            } finally {
                if (revocations != null) {
                    endRevocations();
                }
            }
        }
        return result;
    }

    /** Handles what the machine's notice is about, apart from the bound of the work that grace periods defer. */
    private void attend() {
        layout.notice.take();
        attendAgain();
    }

    /**
     * Runs the operation up to publication. One of the machine's threads does the rest, and then runs a task. May wait
     * until attempts can proceed. The caller must hold no lock.
     *
     * @param last faults in {@link #populations}
     * @return whether the task runs; false if the operation has ended and there is nothing to fault in
     */
    public boolean start(Housekeeping.Waiter last) {
        // Checked first, because when the maximum number of grace periods is pending, the call that frees a place may
        // wait for a CPU of this thread.
        ThreadCpus.checkMayWait("an asynchronous call of a space");
        if (isRefusedByClose()) {
            return false;
        }
        StackReserve.check(DEPTH);
        attend();
        backlog = bound();
        if (!takePlace()) {
            result = Errno.EAGAIN.result();
            return false;
        }
        try {
            // Checked again, because the wait for a place may have run code of the embedder on this thread.
            ThreadCpus.checkMayWait(District.LOCKING);
            beginRevocations();
            publish();
        } finally {
            RetirementRun rest = retirement;
            if (rest != null) {
                // Runs even after an exception that follows publication, because no other thread retires the range.
                rest.runAfter(last);
                rest.submit();
            } else {
                end();
            }
        }
        if (retirement == null && !populations.isEmpty()) {
            layout.host.threads.submit(last);
        }
        return retirement != null || !populations.isEmpty();
    }

    /**
     * Ends an asynchronous operation that is complete, before the task that was passed to {@link #start} runs. This
     * order is needed because a backing from which this task requests pages may call operations that wait for a place,
     * and a thread that waits for a place may be unable to run the task. Called once.
     */
    void end() {
        try {
            endRevocations();
        } finally {
            leavePlace();
        }
    }

    /**
     * Ends the operation without a change if its layout is closed: with ESRCH, or as a second teardown, which does
     * nothing and succeeds.
     */
    private boolean isRefusedByClose() {
        if (!layout.isClosed()) {
            return false;
        }
        refused(endsSpace ? Edit.DONE : Errno.ESRCH.result());
        return true;
    }

    /**
     * Returns the grace periods whose work bounds the calls of this thread. Returns null if there is no memory, or if
     * the thread retires a range and so must not wait.
     */
    private @Nullable Rcu bound() {
        return memory == null || InFlightOperation.retiring() != null ? null : memory.rcu;
    }

    /** Takes a place, possibly after a wait; returns false if the settings say to refuse the call. */
    private boolean takePlace() {
        Rcu bound = backlog;
        hasPlace = bound != null && bound.beginTask();
        return bound == null || hasPlace;
    }

    private void leavePlace() {
        if (backlog != null && hasPlace) {
            hasPlace = false;
            backlog.endTask();
        }
    }

    private void beginRevocations() {
        if (memory != null && memory.accessChecker != null) {
            revocations = new ArrayList<>(2);
            call.revoke(this);
        }
    }

    /**
     * Announces to the access checker that the call may revoke rights in a range until it ends.
     *
     * @param start the first address
     * @param length bytes, rounded up to pages
     */
    public void revoke(long start, long length) {
        long limit = layout.geometry.limit();
        long end = start + layout.geometry.roundUp(length);
        // No record is needed for a range outside the space, because the call refuses it.
        boolean isIn = Addresses.isAtMost(length, limit) && Addresses.isAtMost(start, limit - length) && start != end;
        beginRevocation(isIn ? start : 0, isIn ? end : 0);
    }

    /** Announces that the call may revoke rights in the whole space. */
    public void revokeAll() {
        beginRevocation(0, 0);
    }

    private void beginRevocation(long start, long end) {
        AccessChecker checker = layout.memory().accessChecker;
        if (checker != null && revocations != null) {
            revocations.add(checker.begin(
                    call.toString(), AccessChecker.ALL, layout.pages().number(), start, end));
        }
    }

    private void endRevocations() {
        List<AccessChecker.Revocation> begun = revocations;
        revocations = null;
        if (begun != null) {
            begun.forEach(AccessChecker.Revocation::close);
        }
    }

    /* The attempts. */

    /**
     * How an attempt ended. This alone determines what the operation does before the next attempt. Every attempt that
     * is not {@link #DONE} or {@link #BATCH_DONE} was dropped without effect.
     */
    enum AttemptOutcome {
        /** The whole operation is published or refused. No attempt follows. */
        DONE,

        /** A batch of the call is published, and more batches follow. */
        BATCH_DONE,

        /** The attempt overlaps a range in flight or a ticket, whose gate must open before the next attempt. */
        MUST_WAIT,

        /** The attempt locked a part of the layout and needs more, so the next attempt locks the whole layout. */
        NEEDS_WHOLE,

        /**
         * The call visits more VMAs than one hold of the lock should, so it keeps its ranges and publishes in batches.
         */
        NEEDS_BATCHES,

        /** The retirement lacks a resource, which is acquired without the lock. */
        LACKS_RESOURCE,

        /** A backing must be asked, without the lock. */
        MUST_ASK
    }

    /**
     * Aborts an attempt from within the call that fills in its edit. The operation catches it, drops the attempt, and
     * converts it to an outcome.
     */
    static final class Restart extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private final AttemptOutcome outcome;

        /** The gate to wait for; null if there is none. */
        private final transient @Nullable Gate gate;

        /** The gate is null if the outcome is not {@link AttemptOutcome#MUST_WAIT}. */
        Restart(AttemptOutcome outcome, @Nullable Gate gate) {
            super(null, null, false, false);
            this.outcome = outcome;
            this.gate = gate;
        }
    }

    private void publish() {
        try {
            AttemptOutcome outcome = attempt();
            while (outcome != AttemptOutcome.DONE) {
                Errno refusal = prepareNext(outcome);
                if (refusal != null) {
                    refused(refusal.result());
                    return;
                }
                // Checked again, because code of the embedder may have run on this thread since the first attempt.
                ThreadCpus.checkMayWait(District.LOCKING);
                outcome = attempt();
            }
        } finally {
            if (delaysForks) {
                delaysForks = false;
                layout.endCopyWait();
            }
            leave();
        }
    }

    private AttemptOutcome attempt() {
        boolean delayed = delaysForks;
        delaysForks = false;
        try (Edit edit = new Edit(this, false, call.from(layout), call.to(layout))) {
            // Checked under the lock that the close of the space also holds, so an operation is either published before
            // the close or refused.
            if (isRefusedByClose()) {
                return AttemptOutcome.DONE;
            }
            try {
                return edit.publish(call.decide(edit));
            } catch (BeyondDistrict more) {
                return AttemptOutcome.NEEDS_WHOLE;
            } catch (Restart restart) {
                return restarted(edit, restart);
            }
        } finally {
            if (delayed) {
                layout.endCopyWait();
            }
        }
    }

    /** Prepares the next attempt, still under the lock. */
    private AttemptOutcome restarted(Edit edit, Restart restart) {
        boolean needsBatches = restart.outcome == AttemptOutcome.NEEDS_BATCHES;
        // A copy is awaited before the range is in flight, because batches wait for no gate.
        Gate gate = needsBatches ? layout.copyToAwait() : restart.gate;
        if (gate != null) {
            if (gate == layout.copyToAwait()) {
                layout.beginCopyWait();
                delaysForks = true;
            }
            waits().restarted(edit.district, gate);
            return AttemptOutcome.MUST_WAIT;
        }
        if (needsBatches) {
            batches = new PublicationBatches(new RetirementRun(this), edit.lists.claimed);
        }
        return restart.outcome;
    }

    /**
     * Does what must be done before the next attempt, according to the outcome of the last one. The caller holds no
     * lock.
     *
     * @return why the operation is refused; null if there is a next attempt
     */
    private @Nullable Errno prepareNext(AttemptOutcome outcome) {
        return switch (outcome) {
            case MUST_WAIT -> {
                giveContextBack();
                yield waits().await() ? null : Errno.EINTR;
            }
            case NEEDS_WHOLE -> {
                isBeyondPart = true;
                yield null;
            }
            case NEEDS_BATCHES -> Objects.requireNonNull(batches).prepareFirst();
            case BATCH_DONE -> {
                layout.letOthersIn();
                yield null;
            }
            case LACKS_RESOURCE -> {
                withdraw();
                if (lacksContext) {
                    yield takeContext();
                }
                yield lacksRoom ? room().reserve() : tables().reserve();
            }
            case MUST_ASK -> {
                // The ticket is withdrawn first, because no operation, and no call that the backing makes, may wait for
                // a backing's answer. The place in the backlog is released, because calls of the backing may wait for a
                // place.
                withdraw();
                giveContextBack();
                leavePlace();
                callbacks().put();
                yield takePlace() ? null : Errno.EAGAIN;
            }
            case DONE -> throw new IllegalArgumentException(outcome + ": there is no next attempt");
        };
    }

    /** Releases the unused context, the ticket, and unused opens, however the operation ended. */
    private void leave() {
        try {
            if (context != null) {
                giveContextBack();
            }
            if (tables != null) {
                // Needed even after a batch was published, because a later batch may have failed and left its own
                // tables.
                tables.close();
                tables = null;
            }
            if (room != null) {
                room.close();
                room = null;
            }
            if (waits != null) {
                waits.withdraw();
            }
        } finally {
            PublicationBatches ended = batches;
            batches = null;
            try {
                if (ended != null) {
                    ended.end();
                }
            } finally {
                if (callbacks != null) {
                    callbacks.takeBack(isPublished);
                    // The range in flight refers to this operation, so this operation must not keep the VMAs of the
                    // questions reachable.
                    callbacks = null;
                }
            }
        }
    }

    /* What an attempt uses while it holds the lock. */

    /**
     * Locks the part of the layout that contains a range, and whatever else earlier attempts turned out to need.
     *
     * @param completing whether an edit completes the operation; false for an attempt
     */
    District lockDistrict(boolean completing, long from, long to) {
        if (completing) {
            ThreadCpus.checkMayWait(District.LOCKING);
        }
        if (batches != null) {
            return layout.districts.lockWhole();
        } else if (isBeyondPart) {
            return layout.districts.lockBeyond(from, to);
        }
        return completing || waits == null ? layout.districts.lockDistrict(from, to) : waits.lockDistrict(from, to);
    }

    /** Begins an attempt. The caller holds the lock of the district. */
    void begin() {
        if (batches == null) {
            populations = List.of();
        } else {
            batches.beginBatch();
        }
        if (callbacks != null) {
            callbacks.restart();
        }
        if (waits != null) {
            waits.beginAttempt();
        }
    }

    /** Notes a range of this attempt for the ticket, if there is one. */
    void name(long start, long end) {
        if (waits != null) {
            waits.name(start, end);
        }
    }

    /** Returns the age of the operation. An operation that has not restarted is younger than any operation that has. */
    long age() {
        return waits == null ? Long.MAX_VALUE : waits.age;
    }

    /** Returns the callbacks to backings, created at first use. */
    BackingQuestions callbacks() {
        if (callbacks == null) {
            callbacks = new BackingQuestions(layout.host);
        }
        return callbacks;
    }

    /** Adds a range to fault in after completion; a new attempt starts with none. */
    void populate(PopulateRange range) {
        if (populations.isEmpty()) {
            populations = new ArrayList<>(1);
        }
        populations.add(range);
    }

    /** Ends the operation without a change. */
    void refused(long refusal) {
        result = refusal;
        populations = List.of();
    }

    /**
     * Notes that an edit is published. Once all batches are published, the attempts end, and the range in flight, if
     * any, remains to be retired and completed.
     */
    AttemptOutcome published(long answer, @Nullable RetirementRun rest) {
        result = answer;
        retirement = rest;
        isPublished = true;
        if (rest != null && tables != null) {
            tables.handedOver();
        }
        if (rest != null && room != null) {
            room.forget();
        }
        return batches == null || batches.published() ? AttemptOutcome.DONE : AttemptOutcome.BATCH_DONE;
    }

    /* The resources of the retirement. */

    /**
     * Allocates the resources of the retirement before publication. The caller holds the layout lock.
     *
     * @return null if they were allocated; {@link AttemptOutcome#LACKS_RESOURCE}; or {@link AttemptOutcome#DONE} if the
     *     operation is refused
     */
    @Nullable
    AttemptOutcome prepare(RetirementRun rest) {
        try {
            StackReserve.check(RETIREMENT_DEPTH);
            if (memory == null) {
                return null;
            }
            if (PreallocatedTables.mayLack(rest) && tables().lack(rest)) {
                return AttemptOutcome.LACKS_RESOURCE;
            }
            lacksRoom = recordsRemovals() && room().lacks(rest);
            if (lacksRoom) {
                return AttemptOutcome.LACKS_RESOURCE;
            }
            Room records = room == null ? null : room.room;
            RetirementRun.PageRetirement earlier = rest.pageRetirement;
            if (earlier != null) {
                if (records != null) {
                    earlier.use(records);
                    if (isPublished) {
                        room().forget();
                    }
                }
                // Passes the tables of a later batch to the retirement, which an earlier batch prepared.
                if (tables != null && isPublished && tables.reserve != TableReserve.NONE) {
                    earlier.add(tables.reserve);
                    tables.handedOver();
                }
                return null;
            }
            if (rest.isBatched() && rest.retiresNothing()) {
                return null;
            }
            if (!hasContext()) {
                return AttemptOutcome.LACKS_RESOURCE;
            }
            TableReserve reserved = tables == null ? TableReserve.NONE : tables.reserve;
            rest.pageRetirement = rest.new PageRetirement(context, reserved);
            if (records != null) {
                rest.pageRetirement.use(records);
            }
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            // Any other call is refused with ENOMEM. The end of a space must not be refused, so the error is rethrown,
            // and the teardown is retried later.
            if (endsSpace) {
                throw exhausted;
            }
            refused(Errno.ENOMEM.result());
            return AttemptOutcome.DONE;
        }
        return null;
    }

    /**
     * Borrows an idle page table context for the retirement, unless there is one already. The caller holds the layout
     * lock.
     *
     * @throws Restart if none is idle; the operation then creates one
     */
    void requireContext() {
        if (!hasContext()) {
            throw new Restart(AttemptOutcome.LACKS_RESOURCE, null);
        }
    }

    private boolean hasContext() {
        if (context != null || goesOnWithoutContext || memory == null) {
            return true;
        }
        context = memory.contexts.borrowIdle();
        lacksContext = context == null;
        return !lacksContext;
    }

    /** Creates a context if none is idle. Returns why the operation is refused; null if it continues. */
    private @Nullable Errno takeContext() {
        lacksContext = false;
        try {
            context = layout.memory().contexts.borrowOrNull();
            return context != null || goesOnWithout() ? null : Errno.EAGAIN;
        } catch (OutOfMemoryError exhausted) {
            if (endsSpace) {
                throw exhausted;
            }
            return goesOnWithout() ? null : Errno.ENOMEM;
        }
    }

    /** Returns whether the operation may publish without a context. Its retirement is then retried until it has one. */
    private boolean goesOnWithout() {
        goesOnWithoutContext = endsSpace || isPublished;
        return goesOnWithoutContext;
    }

    /** Returns the context if no retirement uses it, because the operation waits or ends. */
    private void giveContextBack() {
        PageTableContext unused = retirement == null || retirement.pageRetirement == null ? context : null;
        context = null;
        if (unused != null) {
            layout.memory().contexts.giveBack(unused);
        }
    }

    private PreallocatedTables tables() {
        if (tables == null) {
            tables = new PreallocatedTables();
        }
        return tables;
    }

    /**
     * Returns whether a checkpoint may record what the operation removes, or did so at the last attempt. The end of a
     * space needs no record. A restore removes only pages that have one, or need none ({@code SpaceCheckpoint}, note
     * 4).
     */
    private boolean recordsRemovals() {
        return (layout.pages().log() != null || room != null) && !endsSpace && call.cut() == null;
    }

    private ReservedRoom room() {
        if (room == null) {
            room = new ReservedRoom();
        }
        return room;
    }

    /** Returns whether the reservation of a resource, which may take long, is to end without a result. */
    private boolean isStopped() {
        return isInterrupted() || layout.isClosed();
    }

    private boolean isInterrupted() {
        return !isPublished && Thread.currentThread().isInterrupted();
    }

    /**
     * The page tables that the operation will link after its publication: for the guards that it installs, and for the
     * pages that it moves. The operation counts, charges and allocates them before it publishes, without a lock. (Linux
     * allocates tables during the walk, and stops half-way if memory runs out.)
     */
    private final class PreallocatedTables {
        /** The maximum number of leaves that are visited under the layout lock. */
        private static final int FEW = 128;

        private final PageTable table = layout.pages();

        /*
         * The moves and actions of the last attempt that lacked tables, and whether tables are reserved for them. They
         * are copied, because a dropped attempt removes those of the batch that is being decided.
         */
        private List<PageMove> moves = List.of();
        private List<PageAction> actions = List.of();
        private boolean isReserved;

        /** How many more leaves may be visited, or a negative number if the number is not limited. */
        private int left;

        /** The reserved tables, which the retirement uses and closes once the operation is published. */
        private TableReserve reserve = TableReserve.NONE;

        /** The need for which {@link #reserve} was made; null if there is none. */
        private @Nullable Need need;

        /** The last need of the published batches; null if there is none. */
        private @Nullable Need earlier;

        /** Returns whether a retirement may link tables. All actions of an operation are of the same kind. */
        static boolean mayLack(InFlightOperation work) {
            List<PageAction> actions = work.partActions();
            return !work.partMoves().isEmpty()
                    || (!actions.isEmpty() && actions.get(0).kind() == PageAction.Kind.GUARD);
        }

        /**
         * Returns whether a retirement lacks tables, which {@link #reserve()} then reserves before the next attempt.
         * The tables of few leaves are counted here, because they seldom lack any. The caller holds the layout lock.
         */
        boolean lack(InFlightOperation work) {
            if (isReserved && moves.equals(work.partMoves()) && actions.equals(work.partActions())) {
                return false;
            }
            left = FEW;
            boolean isLacking = count(work.partMoves(), work.partActions()).tables() != 0 || left == 0;
            if (isLacking) {
                moves = List.copyOf(work.partMoves());
                actions = List.copyOf(work.partActions());
                isReserved = false;
            }
            return isLacking;
        }

        /**
         * Reserves the tables that the last attempt lacked. The caller holds no lock. An interrupt ends the reservation
         * unless a batch of the call is published.
         *
         * @return null on success, or if the layout has been closed, which the next attempt detects; ENOMEM if the
         *     tables exceed the limit of the space or the machine, or the heap has no room for them; EINTR if the
         *     thread is interrupted
         */
        @Nullable
        Errno reserve() {
            close();
            TableReserve made = null;
            try {
                made = tryReserve();
                if (made == null && !isStopped() && layout.spaces.reclaimTables(layout)) {
                    made = tryReserve();
                }
            } catch (OutOfMemoryError exhausted) {
                return Errno.ENOMEM;
            }
            if (made != null) {
                reserve = made;
                isReserved = true;
                return null;
            }
            if (layout.isClosed()) {
                return null;
            }
            return isInterrupted() ? Errno.EINTR : Errno.ENOMEM;
        }

        private @Nullable TableReserve tryReserve() {
            left = -1;
            Need counted = count(moves, actions);
            need = counted;
            return counted.isTooMuch() || isStopped() ? null : counted.reserve(Operation.this::isStopped);
        }

        /** Hands the reserved tables over to a retirement, which uncharges the tables that are left. */
        void handedOver() {
            if (reserve != TableReserve.NONE) {
                earlier = need;
            }
            forget();
        }

        /** Uncharges the reserved tables. Called if the operation is not published. */
        void close() {
            reserve.close();
            forget();
        }

        private void forget() {
            reserve = TableReserve.NONE;
            isReserved = false;
        }

        /** Returns whether the count ends before the next leaf. */
        private boolean endsCount() {
            if (left > 0) {
                left--;
                return false;
            }
            return left == 0 || layout.isClosed();
        }

        /** Counts the missing tables of moves and actions. Takes no lock. */
        private Need count(List<PageMove> targets, List<PageAction> guards) {
            Need counted = new Need(table, earlier);
            for (int i = 0; i < targets.size(); i++) {
                count(targets.get(i), counted);
            }
            for (int i = 0; i < guards.size(); i++) {
                long end = guards.get(i).end();
                long at = guards.get(i).start();
                while (Addresses.isBelow(at, end) && !endsCount() && !counted.isTooMuch()) {
                    counted.add(at);
                    at = table.leafEnd(at, end);
                }
            }
            return counted;
        }

        /**
         * Counts the tables that the target lacks. The entries of one source leaf may be stored in two target leaves.
         */
        private void count(PageMove move, Need need) {
            long end = move.from() + move.length();
            long at = table.nextLeaf(move.from(), end);
            while (at != end && !endsCount() && !need.isTooMuch()) {
                long stop = table.leafEnd(at, end);
                need.add(move.to() + (at - move.from()));
                need.add(move.to() + (stop - 1 - move.from()));
                at = table.nextLeaf(stop, end);
            }
        }
    }

    /**
     * The room for the records that the youngest checkpoint may get of the pages that the operation removes, moves or
     * guards. It is reserved before the operation publishes, so that a removal never lacks room for a record ({@link
     * CheckpointLog}, note 7). In few leaves, the entries that may need a record are counted under the layout lock.
     * Otherwise, or if there is no room for so many, the pages that lack a record are counted without the lock. In the
     * meantime, faults record the pages that they change. If the youngest checkpoint is another one then, the attempt
     * counts again.
     */
    private final class ReservedRoom {
        /** The maximum number of leaves that are visited under the layout lock. */
        private static final int FEW = 16;

        /** The number of words for a range: its start, its end, and which records its entries may need. */
        private static final int WORDS = 3;

        /* Instead of the address of a move's target: no such address is odd. */
        private static final long REMOVED = -1;
        private static final long GUARDED = -3;
        private static final long UNGUARDED = -5;

        private final PageTable table = layout.pages();

        /** What the last attempt that lacked room removes. */
        private long[] work = {};

        /** Whether {@link #room} was reserved for this work, without the lock. */
        private boolean isReserved;

        /** How many more leaves may be visited, or a negative number if the number is not limited. */
        private int left;

        /** What is reserved; null if nothing is. The retirement uses and closes it once the operation is published. */
        @Nullable
        Room room;

        /**
         * Returns whether the room does not suffice for a retirement, so that {@link #reserve} is called before the
         * next attempt. The caller holds the layout lock.
         */
        boolean lacks(RetirementRun rest) {
            CheckpointLog log = table.log();
            long[] wanted = workOf(rest);
            if (isReserved && room != null && room.log == log && Arrays.equals(work, wanted)) {
                return false;
            }
            close();
            if (log == null || wanted.length == 0) {
                return false;
            }
            left = FEW;
            Room made = new Room(log);
            long places = count(wanted, null);
            if (left != 0 && made.tryReserve(places)) {
                room = made;
                return false;
            }
            work = wanted;
            return true;
        }

        /**
         * Reserves room for what the last attempt lacked. The caller holds no lock.
         *
         * @return null on success, or if the layout has been closed, which the next attempt detects; ENOMEM if the
         *     records exceed the limit of page tables, or the heap has no room for them
         */
        @Nullable
        Errno reserve() {
            lacksRoom = false;
            try {
                isReserved =
                        tryReserve() || (!layout.isClosed() && layout.spaces.reclaimTables(layout) && tryReserve());
            } catch (OutOfMemoryError exhausted) {
                return Errno.ENOMEM;
            }
            return isReserved || layout.isClosed() ? null : Errno.ENOMEM;
        }

        private boolean tryReserve() {
            CheckpointLog log = table.log();
            if (log == null) {
                return true;
            }
            left = -1;
            Room made = new Room(log);
            long places = count(work, log);
            boolean isMade = !layout.isClosed() && made.tryReserve(places);
            room = isMade ? made : null;
            return isMade;
        }

        /** Gives back what no retirement uses. */
        void close() {
            if (room != null) {
                room.close();
            }
            forget();
        }

        /** Forgets the room, which a retirement uses from now on. */
        void forget() {
            room = null;
            isReserved = false;
        }

        /** Returns the ranges of the unpublished batch whose entries may need records. */
        private long[] workOf(RetirementRun rest) {
            Ranges unmapped = rest.reserved();
            Ranges gated = rest.stopsFaults() ? rest.occupied() : Ranges.NONE;
            List<PageMove> moves = rest.partMoves();
            List<PageAction> actions = rest.partActions();
            int most = unmapped.size() - unmapped.sealed() + gated.size() - gated.sealed();
            long[] found = new long[WORDS * (most + moves.size() + actions.size())];
            int size = add(unmapped, found, 0);
            size = add(gated, found, size);
            for (int i = 0; i < moves.size(); i++) {
                PageMove move = moves.get(i);
                // The source is among the unmapped or gated ranges.
                size = add(move.from(), move.from() + move.length(), move.to(), found, size);
            }
            for (int i = 0; i < actions.size(); i++) {
                PageAction action = actions.get(i);
                size = switch (action.kind()) {
                    case DISCARD, DROP -> add(action.start(), action.end(), REMOVED, found, size);
                    case GUARD -> add(action.start(), action.end(), GUARDED, found, size);
                    case UNGUARD -> add(action.start(), action.end(), UNGUARDED, found, size);
                    // Removes pages of a cache only, which need no records.
                    case PUNCH -> size;
                };
            }
            return Arrays.copyOf(found, size);
        }

        private int add(Ranges ranges, long[] found, int size) {
            int behind = size;
            for (int i = ranges.sealed(); i < ranges.size(); i++) {
                behind = add(ranges.start(i), ranges.end(i), REMOVED, found, behind);
            }
            return behind;
        }

        private int add(long start, long end, long records, long[] found, int size) {
            found[size] = start;
            found[size + 1] = end;
            found[size + 2] = records;
            return size + WORDS;
        }

        /**
         * Counts the pages of ranges that may need a record. Takes no lock of a page table.
         *
         * @param log the log that is asked for each page; null if each page counts whose entry may need a record
         */
        private long count(long[] ranges, @Nullable CheckpointLog log) {
            long places = 0;
            for (int i = 0; i < ranges.length; i += WORDS) {
                places += count(ranges[i], ranges[i + 1], ranges[i + 2], log);
            }
            return places;
        }

        private long count(long start, long end, long records, @Nullable CheckpointLog log) {
            boolean isGuarded = records == GUARDED;
            boolean isMoved = (records & 1) == 0;
            if (isGuarded && log == null) {
                return (end - start) >>> table.pageShift;
            }
            long places = 0;
            long at = isGuarded ? start : table.nextLeaf(start, end);
            while (at != end && !endsCount()) {
                long stop = table.leafEnd(at, end);
                places += countLeaf(at, stop, isMoved ? records + (at - start) : records, log);
                at = isGuarded || stop == end ? stop : table.nextLeaf(stop, end);
            }
            return places;
        }

        /** Returns whether the count ends before the next leaf. */
        private boolean endsCount() {
            if (left > 0) {
                left--;
                return false;
            }
            return left == 0 || layout.isClosed();
        }

        private long countLeaf(long start, long stop, long records, @Nullable CheckpointLog log) {
            long[] leaf = table.leaf(start);
            boolean isMoved = (records & 1) == 0;
            long places = 0;
            for (long at = start; at != stop; at += 1L << table.pageShift) {
                long pte = leaf == null ? Pte.NONE : Leaf.get(leaf, table.indexOf(at));
                if (mayNeedRecord(pte, records, isMoved)) {
                    long recorded = isMoved ? records + (at - start) : at;
                    places += log == null || log.lacks(recorded >>> table.pageShift) ? 1 : 0;
                }
            }
            return places;
        }

        /** Returns whether an entry's page, or the target of its move, may get a record. */
        private boolean mayNeedRecord(long pte, long records, boolean isMoved) {
            if (isMoved) {
                return pte == Pte.GUARD || Pte.isOwn(pte);
            }
            if (Pte.isPresent(pte) && Pte.isOwn(pte)) {
                // A page of the current epoch was recorded when it became writable.
                return records != UNGUARDED && table.isOlder(pte);
            }
            return records == GUARDED ? pte != Pte.GUARD : pte == Pte.GUARD || (records == REMOVED && Pte.isOwn(pte));
        }
    }

    /* Waits for other operations. */

    /** Returns the waits for ranges in flight, created at the first restart. */
    private RangeWait waits() {
        if (waits == null) {
            waits = new RangeWait();
        }
        return waits;
    }

    /** Withdraws the ticket, if there is one. The caller must hold no lock. */
    private void withdraw() {
        if (waits != null) {
            waits.withdraw();
        }
    }

    /**
     * The waits of the operation for ranges in flight, and for operations that started earlier. Decides when the
     * operation takes a {@link Ticket}, which later operations wait for. Created at the operation's first restart.
     */
    final class RangeWait {
        /** The number of restarts after which an operation takes a ticket. */
        private static final int PATIENCE = 3;

        /**
         * The position of the operation's first restart in the order of first restarts in the space. It is lower than
         * that of every operation whose first restart comes later.
         */
        private final long age = layout.nextAge();

        private int restarts;

        /** The gate that the latest attempt must wait for; null if there is none. */
        private @Nullable Gate met;

        private @Nullable Ticket ticket;

        /**
         * Locks the district that contains a range and, if other operations can find the ticket, the ranges of the
         * ticket.
         *
         * @param start the first address
         * @param end after the last address
         */
        District lockDistrict(long start, long end) {
            Ticket mine = ticket;
            if (mine == null || !mine.isLeft()) {
                return layout.districts.lockDistrict(start, end);
            }
            return mine.hasRanges()
                    ? layout.districts.lockDistrict(
                            Addresses.lower(start, mine.low()), Addresses.higher(end, mine.high()))
                    : layout.districts.lockWhole();
        }

        /** Begins an attempt. If a district lists the ticket, the caller holds the lock of that district. */
        void beginAttempt() {
            if (ticket != null) {
                ticket.restart();
            } else if (restarts >= PATIENCE - 1 && InFlightOperation.retiring() == null) {
                // If this attempt also restarts, the ticket then contains the ranges that the attempt named.
                ticket = new Ticket(age, Operation.this);
            }
        }

        /** Adds a range of this attempt to the ticket, if there is one. The caller holds the lock of the attempt. */
        void name(long start, long end) {
            if (ticket != null) {
                ticket.name(start, end);
            }
        }

        /**
         * Notes that the attempt must wait for another operation. After enough restarts, other operations find the
         * ticket from now on.
         *
         * @param district the district that the attempt locked, which is still locked
         * @param gate the gate of the other operation
         */
        void restarted(District district, Gate gate) {
            met = gate;
            restarts++;
            if (restarts >= PATIENCE && ticket != null && !ticket.isLeft()) {
                district.inFlight.add(ticket);
                ticket.leave();
            }
        }

        /**
         * Waits until the gate of the other operation is open. The caller must hold no lock.
         *
         * @return false if the thread is interrupted; always true if the operation is uninterruptible
         */
        boolean await() {
            Gate gate = Objects.requireNonNull(met);
            // Cleared, so that this operation does not keep the other one reachable after the wait.
            met = null;
            InFlightOperation inside = InFlightOperation.retiring();
            if (inside != null) {
                throw new IllegalStateException(Operation.this + " was called by the retirement of " + inside
                        + ", and would have to wait for " + gate + ": nothing in flight may wait");
            }
            assert !layout.districts.isLockedByThisThread() : "a wait under the layout lock";
            if (call.isUninterruptible()) {
                gate.awaitUninterruptibly(Operation.this);
                return true;
            }
            return gate.await(Operation.this);
        }

        /** Removes the ticket and wakes the operations that wait for it. The caller must hold no lock. */
        void withdraw() {
            Ticket mine = ticket;
            if (mine == null) {
                return;
            }
            ticket = null;
            if (!mine.isLeft()) {
                // No other operation could find the ticket, so none waits for it.
                return;
            }
            // No border separates the ticket's ranges, and a ticket without ranges prevents all borders. So this lock
            // never joins parts.
            ThreadCpus.checkMayWait(District.LOCKING);
            District district = mine.hasRanges()
                    ? layout.districts.lockDistrict(mine.low(), mine.high())
                    : layout.districts.lockWhole();
            try {
                district.inFlight.remove(mine);
            } finally {
                district.unlock();
            }
            Gate.wake(mine.open());
        }
    }

    /* Batches. */

    /** The maximum number of VMAs that one batch visits: a few hundred microseconds under the layout lock. */
    static final int BATCH = 64;

    /**
     * Returns {@link #BATCH}. A method, so that a test which is compiled with smaller batches only changes this class.
     */
    static int batch() {
        return BATCH;
    }

    /** A separate object, so that threads which wait for the end of the publication keep only the gate reachable. */
    private final class PublicationGate extends Gate {
        @Override
        public String toString() {
            return Operation.this + ", which is being published in batches";
        }
    }

    /**
     * The publication of the call in batches. Each batch acquires the layout lock separately and changes at most {@link
     * #BATCH} VMAs.
     *
     * <p>The call has one range in flight from before the first batch to its completion. Its footprint covers every
     * range that the call names, so between two batches no other operation changes or places VMAs in these ranges.
     * Batches wait for the layout lock, and, when tables are reserved, for CPUs, but never at a gate. A fork can
     * therefore safely wait until the last batch is published; otherwise its copy and this range would wait for each
     * other. Retirement starts after the last batch, for the pages of all batches together.
     *
     * <p>A batch that fails is dropped; earlier batches stay.
     */
    final class PublicationBatches {
        final RetirementRun run;
        private final Gate publication = new PublicationGate();

        /** Whether a VMA of the space has a backing that may have to be asked. */
        private final boolean mayAsk;

        /** Whether a batch is published. */
        boolean isBegun;

        /** The number of ranges to fault in that the published batches added. */
        private int populated;

        /** The address at which the next batch starts, and a number that the call's latest batch noted for it. */
        long next;

        private long note;

        /*
         * What the current batch determines: whether it is the last one, and the values that next and note get once it
         * is published.
         */
        boolean draftEnds;
        private long draftNext;
        long draftNote;

        /**
         * Reserves ranges for the batches of the operation. The caller holds the layout lock, and found no other
         * operation in the ranges.
         *
         * @param run the range in flight, which is in the list of operations in flight from here on
         */
        PublicationBatches(RetirementRun run, Ranges ranges) {
            this.run = run;
            mayAsk = layout.counters().opens != 0;
            for (int i = 0; i < ranges.size(); i++) {
                long end = Addresses.lower(ranges.end(i), layout.geometry.limit());
                if (Addresses.isBelow(ranges.start(i), end)) {
                    run.keepForBatches(ranges.start(i), end);
                }
            }
            layout.inFlight().makeRoom();
            run.publication(publication);
            layout.inFlight().add(run);
        }

        /**
         * Prepares the first batch, or publishes the call once if a backing may have to be asked. Returns why the call
         * is refused; null if it continues.
         */
        @Nullable
        Errno prepareFirst() {
            if (mayHaveToAsk()) {
                isWhole = true;
                batches = null;
                end();
                return null;
            }
            note = call.checkAll(layout);
            return Errno.isError(note) ? Errno.of(note) : null;
        }

        /**
         * Returns whether a batched range contains a VMA whose backing may have to be asked. No backing is asked while
         * a range is in flight, because the backing may call operations on that range. Takes no lock, since no other
         * operation changes VMAs in these ranges.
         */
        private boolean mayHaveToAsk() {
            Ranges batched = run.batched();
            for (int i = 0; i < batched.size() && mayAsk; i++) {
                VmArea vma = layout.findNext(batched.start(i));
                while (vma != null && Addresses.isBelow(vma.start(), batched.end(i))) {
                    BackingTraits traits = vma.traits;
                    if (traits != null && traits.operations() != null) {
                        return true;
                    }
                    vma = layout.findNext(vma.end());
                }
            }
            return false;
        }

        /**
         * Starts the decision on a batch, after a batch that was published or dropped. The caller holds the layout
         * lock.
         */
        void beginBatch() {
            InFlightOperation.truncate(populations, populated);
            draftEnds = true;
            draftNote = note;
            run.beginBatch();
        }

        /** Ends the batch that is being decided; the next batch starts at an address. */
        void endBatchAt(long address) {
            draftEnds = false;
            draftNext = address;
        }

        /** Notes that the current batch is published. Returns whether it was the last one. */
        private boolean published() {
            isBegun = true;
            populated = populations.size();
            next = draftNext;
            note = draftNote;
            return draftEnds;
        }

        /**
         * Ends the publication. If no batch was published, nothing is in flight any more, and no range remains
         * reserved. The caller holds no lock.
         */
        private void end() {
            layout.lock();
            try {
                run.publication(null);
                if (!isBegun) {
                    layout.inFlight().remove(run);
                    run.complete();
                }
            } finally {
                layout.unlock();
            }
            try {
                Gate.wake(publication.open());
            } finally {
                if (!isBegun) {
                    run.wakeWaiters();
                }
            }
        }
    }
}
