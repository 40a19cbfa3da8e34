// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.Open;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmOperations;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The requests that one operation makes to backings before it publishes ({@code open} and {@code may_split}). {@link
 * BackingOpen} calls {@code close} later, and reports any exception it throws.
 *
 * <p>Backings must not be called under the layout lock. An attempt therefore records each question and continues as if
 * the answer were yes. If it recorded a new question, the operation drops the attempt and calls the backings without
 * the lock. The next attempt uses the recorded answers as long as it asks the same questions in the same order. If a
 * question differs because the layout has changed, the opens from that question onwards are ended.
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

    BackingQuestions(MachineState host) {
        this.host = host;
    }

    void restart() {
        reached = 0;
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

    /**
     * Returns the errno with which a backing refuses a split; null if the backing allows it or has not been asked yet.
     *
     * @param relative the VMA, or another VMA in the layout with the same backing, which is referenced during the
     *     callback; or null
     */
    @Nullable
    Errno maySplit(VmArea vma, long address, @Nullable VmArea relative) {
        BackingTraits traits = vma.traits();
        VmOperations operations = traits == null ? null : traits.operations();
        return operations == null ? null : next(operations, vma, address, relative).refusal;
    }

    /**
     * Requests an open for a VMA that is to be stored.
     *
     * @param relative a VMA in the layout with the same backing, which is referenced during the callback; or null
     */
    Question open(VmArea vma, @Nullable VmArea relative) {
        BackingTraits traits = vma.traits();
        VmOperations operations = traits == null ? null : traits.operations();
        if (operations == null) {
            throw new IllegalStateException("a backing without operations is not asked: " + vma);
        }
        return next(operations, vma, Question.OPEN, relative);
    }

    private Question next(VmOperations operations, VmArea vma, long address, @Nullable VmArea kept) {
        if (reached < questions.size()) {
            Question known = questions.get(reached);
            if (known.isAbout(operations, vma, address)) {
                known.takesUp(vma, kept);
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
            takeBack(0);
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
            question.ask(host);
        } finally {
            if (kept != null) {
                kept.release();
            }
        }
    }

    /** Ends the opens of earlier attempts that the published attempt does not use. */
    void takeBackUnused() {
        takeBack(reached);
    }

    /** Ends all opens, because the operation is not published. */
    void takeBackAll() {
        takeBack(0);
    }

    private void takeBack(int from) {
        forgetFrom(from);
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

    static final class Question {
        private static final long OPEN = -1;

        private final VmOperations operations;
        private VmArea vma;

        /** The address of the split, or OPEN. */
        private final long address;

        private @Nullable VmArea kept;
        private boolean isAnswered;
        private @Nullable Errno refusal;
        private @Nullable Open open;

        private Question(VmOperations operations, VmArea vma, long address, @Nullable VmArea kept) {
            this.operations = operations;
            this.vma = vma;
            this.address = address;
            this.kept = kept;
        }

        private boolean isAbout(VmOperations others, VmArea other, long otherAddress) {
            return operations == others && address == otherAddress && vma.looksLike(other);
        }

        /** Replaces the VMA of an earlier attempt by the equal VMA of the current one. */
        private void takesUp(VmArea now, @Nullable VmArea keptNow) {
            kept = keptNow;
            if (!isAnswered) {
                vma = now;
            }
        }

        private void ask(MachineState host) {
            if (address == OPEN) {
                // Allocated first, so that no step can fail between the backing's consent and the object that will
                // close it.
                BackingOpen granted = new BackingOpen(host, operations, vma);
                refusal = operations.open(vma);
                open = refusal == null ? granted : null;
            } else {
                refusal = operations.maySplit(vma, address);
            }
            isAnswered = true;
        }

        @Nullable
        Errno refusal() {
            return refusal;
        }

        /** Returns the open; the backing must have granted it. */
        Open granted() {
            return Objects.requireNonNull(open, "open");
        }
    }
}
