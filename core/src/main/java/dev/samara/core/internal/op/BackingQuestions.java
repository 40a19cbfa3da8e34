// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.event.Report;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.file.SharedAnonymous;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.CountedOpens;
import dev.samara.core.internal.vma.VmArea.Open;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.VmOperations;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The requests that one operation makes to backings before it publishes ({@code open} and {@code may_split}).
 *
 * <ol>
 *   <li>Backings must not be called under the layout lock. An attempt therefore records each question and continues as
 *       if the answer were yes. New VMAs that can take over an open ask no question ({@link OpenTransfer}).
 *   <li>If the attempt recorded a new question, the operation drops it and calls the backings without the lock ({@link
 *       #put()}).
 *   <li>The next attempt uses the recorded answers as long as it asks the same questions in the same order. If a
 *       question differs because the layout has changed, the opens from that question onwards are ended.
 *   <li>An open that no VMA uses any more ends: a thread of the machine calls the backing's {@code close} ({@link
 *       BackingOpen}).
 * </ol>
 *
 * <p>Used by one thread.
 */
final class BackingQuestions {
    private final MachineState host;
    private final List<Question> questions = new ArrayList<>();

    /**
     * Opens that are put as soon as this thread holds no lock. The capacity suffices for the opens of all questions, so
     * no open gets lost.
     */
    private final ArrayList<Open> unused = new ArrayList<>(0);

    /** The number of questions that the current attempt has asked so far. */
    private int reached;

    /** A question with its answer, once it is asked. */
    private static final class Question {
        private static final long OPEN = -1;

        private final VmOperations operations;
        private VmArea vma;

        /** The address of the split, or OPEN. */
        private final long address;

        private @Nullable VmArea kept;
        private boolean isAnswered;
        private @Nullable Errno refusal;

        /** The open that the backing granted; null for a split, or if it refused. */
        private @Nullable Open open;

        private Question(VmOperations operations, VmArea vma, long address, @Nullable VmArea kept) {
            this.operations = operations;
            this.vma = vma;
            this.address = address;
            this.kept = kept;
        }
    }

    BackingQuestions(MachineState host) {
        this.host = host;
    }

    /* 1. An attempt asks. */

    void restart() {
        reached = 0;
    }

    /**
     * Returns the errno with which a backing refuses a split; null if the backing allows it or has not been asked yet.
     *
     * @param relative the VMA, or another VMA in the layout with the same backing, which is referenced during the
     *     callback; or null
     */
    @Nullable
    Errno maySplit(VmArea vma, long address, @Nullable VmArea relative) {
        VmOperations operations = operationsOf(vma);
        return operations == null ? null : next(operations, vma, address, relative).refusal;
    }

    private static @Nullable VmOperations operationsOf(VmArea vma) {
        BackingTraits traits = vma.traits;
        return traits == null ? null : traits.operations();
    }

    /**
     * Asks the next question, or returns the answer if an earlier attempt asked it.
     *
     * @param address the address of a split, or {@link Question#OPEN} to request an open for a VMA that is to be stored
     * @param kept a VMA in the layout with the same backing, which is referenced during the callback; or null
     */
    private Question next(VmOperations operations, VmArea vma, long address, @Nullable VmArea kept) {
        if (reached < questions.size()) {
            Question known = questions.get(reached);
            if (known.operations == operations && known.address == address && known.vma.looksLike(vma)) {
                // Replaces the VMA of an earlier attempt by the equal VMA of the current one.
                known.kept = kept;
                if (!known.isAnswered) {
                    known.vma = vma;
                }
                reached++;
                return known;
            }
            forgetFrom(reached);
        }
        Question question = new Question(operations, vma, address, kept);
        unused.ensureCapacity(unused.size() + questions.size() + 1);
        questions.add(question);
        reached++;
        return question;
    }

    /** Returns whether the backings have answered all requests of the current attempt. */
    boolean areAnswered() {
        for (int i = 0; i < reached; i++) {
            if (!questions.get(i).isAnswered) {
                return false;
            }
        }
        return true;
    }

    /* 2. The backings answer. */

    /**
     * Calls the backings for the unanswered questions, and stops at the first refusal, because the next attempt most
     * likely ends there. The caller must hold no lock.
     *
     * @throws RuntimeException or an error that a backing throws, after all opens were ended
     */
    void put() {
        dropUnused();
        try {
            for (Question question : questions) {
                if (!question.isAnswered) {
                    put(question);
                    if (question.refusal != null) {
                        return;
                    }
                }
            }
        } catch (Throwable thrown) {
            takeBack(false);
            throw thrown;
        }
    }

    private void put(Question question) {
        VmArea kept = question.kept;
        if (kept != null && !kept.acquire()) {
            // The VMA was just replaced, so the next attempt will ask another question.
            return;
        }
        try {
            if (question.address == Question.OPEN) {
                // Allocated first, so that no step can fail between the backing's consent and the object that will
                // close it.
                BackingOpen granted = new BackingOpen(host, question.operations, question.vma);
                question.refusal = question.operations.open(question.vma);
                question.open = question.refusal == null ? granted : null;
            } else {
                question.refusal = question.operations.maySplit(question.vma, question.address);
            }
            question.isAnswered = true;
        } finally {
            if (kept != null) {
                kept.release();
            }
        }
    }

    /* 3. Opens that are not used end. */

    /** Ends the opens that the operation does not use: those of earlier attempts, or all if it is not published. */
    void takeBack(boolean isPublished) {
        forgetFrom(isPublished ? reached : 0);
        dropUnused();
    }

    /** Removes questions. The attempt holds the lock here, so the opens are put later. */
    private void forgetFrom(int from) {
        for (int i = questions.size() - 1; i >= from; i--) {
            Open open = questions.remove(i).open;
            if (open != null) {
                unused.add(open);
            }
        }
        reached = Math.min(reached, from);
    }

    /**
     * Puts each unused open. If its close cannot be submitted to a thread now, it is submitted later, see {@link
     * BackingOpen}.
     */
    private void dropUnused() {
        Error failed = null;
        // The loop counts down, so that a removal that fails is not repeated forever.
        for (int left = unused.size(); left > 0; left--) {
            try {
                unused.remove(left - 1).put();
            } catch (OutOfMemoryError | StackOverflowError exhausted) {
                failed = exhausted;
            }
        }
        if (failed != null) {
            throw failed;
        }
    }

    /**
     * An open that a backing granted. When the open ends, one of the machine's threads calls the backing's {@code
     * close}, and reports any exception it throws.
     */
    private static final class BackingOpen extends Open implements Runnable {
        private final MachineState host;
        private final VmOperations operations;
        private final VmArea vma;

        private final Housekeeping.Waiter ending;

        /**
         * Written: the thread of the machine that runs the close (monitor).
         * Read: the thread of the machine that runs the close (monitor).
         * Invariant: the backing is notified of the end of an open once (I8), although the close may be submitted
         *     twice: by a call that failed after it added the close to {@code Housekeeping}, and then by the
         *     housekeeping.
         */
        @GuardedBy("this")
        private boolean isClosed;

        BackingOpen(MachineState host, VmOperations operations, VmArea vma) {
            this.host = host;
            this.operations = operations;
            this.vma = vma;
            ending = host.threads.housekeeping.ensured(this::handOn);
        }

        @Override
        protected void ended() {
            if (operations instanceof CountedOpens counted && counted.tryClose()) {
                return;
            }
            ending.run();
        }

        private void handOn() {
            FilePages file = FilePages.of(vma);
            if (file == null) {
                host.threads.tasks.execute(this);
            } else {
                // Deferred by a grace period, because a fault that has found the VMA, but holds no reference to it, may
                // still request pages.
                file.memory.rcu.call(this);
            }
        }

        @Override
        public void run() {
            // The task may run twice, because a call may fail after it submitted the task.
            synchronized (this) {
                if (isClosed) {
                    return;
                }
                isClosed = true;
            }
            try {
                operations.close(vma);
            } catch (Throwable thrown) {
                host.report(Report.Kind.CALLBACK_FAILED, "close of " + vma, thrown);
            }
        }

        @Override
        public String toString() {
            return "open of " + vma;
        }
    }

    /**
     * The opens that the new VMAs of an edit share: the open of a VMA that they replace, which spares the backing a
     * close and an open, an open that a checkpoint kept, or an open that was requested from the backing. A VMA passes
     * its open on to one new VMA; its other pieces need opens of their own. All VMAs of one shared object share the
     * open of its content.
     *
     * <p>Each search takes logarithmic time, because an edit may replace every VMA of a space.
     */
    static final class OpenTransfer {
        /** Up to this number, the VMAs that were taken out are searched for a backing one by one. */
        private static final int FEW = 8;

        /** A VMA, its position among the VMAs that were taken out, and whether its open was taken over. */
        private static final class Donor {
            private final VmArea vma;
            private final int position;
            private boolean isTaken;

            Donor(VmArea vma, int position) {
                this.vma = vma;
                this.position = position;
            }
        }

        /** By index of the new VMA: an {@link Open}, a {@link Question}, or null if it needs none. */
        private final @Nullable Object[] sources;

        /** The new VMAs below this index have acquired their shares of existing opens. */
        private int shared;

        /** The first refusal of an open, or null. */
        @Nullable
        Errno refusal;

        /** The VMAs that the edit takes out. */
        private final List<VmArea> gone;

        /**
         * The VMAs among them that new VMAs continue, ascending by address. They do not overlap, since all were in the
         * same layout.
         */
        private final List<Donor> donors;

        /**
         * For each backing, the VMA that was taken out first; null until the first search among more than {@link #FEW}
         * VMAs.
         */
        private @Nullable IdentityHashMap<@Nullable Backing, VmArea> firstOf;

        /** The displaced VMAs are those taken out that no new VMA continues. */
        private OpenTransfer(int count, List<VmArea> gone, List<VmArea> displaced) {
            sources = new @Nullable Object[count];
            this.gone = gone;
            Set<VmArea> without = Collections.newSetFromMap(new IdentityHashMap<>());
            without.addAll(displaced);
            donors = new ArrayList<>(gone.size());
            for (int i = 0; i < gone.size(); i++) {
                if (!without.contains(gone.get(i))) {
                    donors.add(new Donor(gone.get(i), i));
                }
            }
            donors.sort(Comparator.comparing(donor -> donor.vma.start(), Long::compareUnsigned));
        }

        /**
         * Finds the opens of an edit's new VMAs; opens that must be requested become requests of the operation to the
         * backings. Returns null if no new VMA needs an open.
         */
        static @Nullable OpenTransfer of(
                Operation operation, List<VmArea> gone, List<VmArea> displaced, List<VmArea> fresh) {
            OpenTransfer opens = null;
            for (int i = 0; i < fresh.size(); i++) {
                if (fresh.get(i).hasOpen()) {
                    if (opens == null) {
                        opens = new OpenTransfer(fresh.size(), gone, displaced);
                    }
                    opens.find(i, operation, fresh.get(i));
                }
            }
            return opens;
        }

        private void find(int i, Operation operation, VmArea vma) {
            if (vma.backing() instanceof SharedAnonymous object) {
                sources[i] = object.contentOf(vma);
                return;
            }
            VmArea old = takeFor(vma);
            if (old != null) {
                sources[i] = old.open();
                return;
            }
            Open known = operation.call.openFor(vma);
            if (known != null) {
                sources[i] = known;
                return;
            }
            VmOperations operations = Objects.requireNonNull(operationsOf(vma), "operations");
            Question question = operation.callbacks().next(operations, vma, Question.OPEN, relativeOf(vma));
            sources[i] = question;
            if (refusal == null) {
                refusal = question.refusal;
            }
        }

        /**
         * Returns the VMA whose open a new VMA takes over, and marks it as taken: of the VMAs that overlap the new VMA
         * and have its backing, the one that was taken out first. Returns null if there is none.
         */
        private @Nullable VmArea takeFor(VmArea fresh) {
            Donor first = null;
            for (int i = firstEndingAbove(fresh.start()); i < donors.size(); i++) {
                Donor donor = donors.get(i);
                if (!Addresses.isBelow(donor.vma.start(), fresh.end())) {
                    break;
                }
                boolean fits = !donor.isTaken && donor.vma.backing() == fresh.backing();
                if (fits && (first == null || donor.position < first.position)) {
                    first = donor;
                }
            }
            if (first == null) {
                return null;
            }
            first.isTaken = true;
            return first.vma;
        }

        private int firstEndingAbove(long address) {
            int low = 0;
            int high = donors.size();
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (Addresses.isAbove(donors.get(middle).vma.end(), address)) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            return low;
        }

        /** Of the VMAs that were taken out and have the backing of a new VMA, returns the first one, or null. */
        private @Nullable VmArea relativeOf(VmArea fresh) {
            if (gone.size() <= FEW) {
                return relative(fresh, gone);
            }
            if (firstOf == null) {
                firstOf = new IdentityHashMap<>();
                for (int i = 0; i < gone.size(); i++) {
                    firstOf.putIfAbsent(gone.get(i).backing(), gone.get(i));
                }
            }
            return firstOf.get(fresh.backing());
        }

        /** Returns a VMA of a list that has the backing of another VMA, or null. */
        static @Nullable VmArea relative(VmArea vma, List<VmArea> others) {
            for (VmArea other : others) {
                if (other.backing() == vma.backing()) {
                    return other;
                }
            }
            return null;
        }

        /**
         * Acquires the i-th new VMA's share of its open; returns null if it needs none. Called once for each new VMA,
         * in order, at publication. If the publication fails, {@link #takeBack} drops the shares.
         */
        @Nullable
        Open take(int i) {
            Object source = sources[i];
            if (source instanceof Question question) {
                return Objects.requireNonNull(question.open, "open");
            }
            if (source instanceof Open open) {
                open.get();
                shared = i + 1;
                return open;
            }
            return null;
        }

        /**
         * Drops each acquired share, because nothing is published. No share is the last one of its open, because the
         * VMA, the edit or the checkpoint that shares the open still exists. Opens granted to a new VMA are ended by
         * the operation's {@link BackingQuestions}.
         */
        void takeBack() {
            while (shared > 0) {
                shared--;
                if (sources[shared] instanceof Open open) {
                    open.put();
                }
            }
        }
    }
}
