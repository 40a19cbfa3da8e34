// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.vma.Life;
import dev.samara.core.internal.vma.Open;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.BackingTraits;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What one operation asks of backings before it publishes ({@code open} and {@code may_split}).
 *
 * <p>Under the layout lock nobody can be asked. So an attempt notes each question and goes on as if the answer were
 * yes; if there was a new question, it is dropped, the questions are put without the lock, and the next attempt finds
 * the answers, as long as it comes to the same questions in the same order. Where it comes to others, because the
 * layout has changed, what was answered from there on is taken back.
 *
 * <p>For one thread.
 */
final class BackingCallbacks {
    private final MachineState host;
    private final List<Question> questions = new ArrayList<>();

    /** Opens to be given up as soon as no lock is held. */
    private final List<Open> unused = new ArrayList<>(0);

    /** How many the current attempt has come to. */
    private int reached;

    BackingCallbacks(MachineState host) {
        this.host = host;
    }

    /** Begins an attempt. */
    void restart() {
        reached = 0;
    }

    /** Whether the current attempt has come to answered questions only. */
    boolean areAnswered() {
        for (int i = 0; i < reached; i++) {
            if (!questions.get(i).isAnswered) {
                return false;
            }
        }
        return true;
    }

    /**
     * Whether a backing lets a VMA be cut; as long as it was not asked, it does.
     *
     * @param relative the VMA, or if it is not in the layout, one of the same backing that is, or null; kept while the
     *     question is put
     */
    @Nullable
    Errno maySplit(Vma vma, long address, @Nullable Vma relative) {
        BackingTraits traits = vma.traits();
        VmOperations operations = traits == null ? null : traits.operations();
        return operations == null ? null : next(operations, vma, address, relative).refusal;
    }

    /**
     * Asks for an open for a VMA that is to be put.
     *
     * @param relative one of the same backing that is there already and is kept while the question is put, or null
     */
    Question open(Vma vma, @Nullable Vma relative) {
        BackingTraits traits = vma.traits();
        VmOperations operations = traits == null ? null : traits.operations();
        if (operations == null) {
            throw new IllegalStateException("a backing without operations is not asked: " + vma);
        }
        return next(operations, vma, Question.OPEN, relative);
    }

    private Question next(VmOperations operations, Vma vma, long address, @Nullable Vma kept) {
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
        questions.add(question);
        reached++;
        return question;
    }

    /**
     * Puts the questions that have no answer yet, up to the first refusal, since then most likely no other is come to.
     * Caller must hold no lock.
     *
     * @throws RuntimeException or an error, as a backing throws it; what was opened is closed then
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
        Vma kept = question.kept;
        if (kept != null && !Life.keep(kept)) {
            // It has just been replaced: the next attempt will come to another question.
            return;
        }
        try {
            question.ask(host);
        } finally {
            if (kept != null) {
                Life.release(kept);
            }
        }
    }

    /**
     * Ends the opens that the attempt which has been published did not come to; they were answers to its forerunners.
     */
    void takeBackUnused() {
        takeBack(reached);
    }

    /** Ends all opens, because nothing is published. */
    void takeBackAll() {
        takeBack(0);
    }

    private void takeBack(int from) {
        forgetFrom(from);
        dropUnused();
    }

    /** Forgets questions; an attempt that does that holds the lock, so their opens are kept for later. */
    private void forgetFrom(int from) {
        for (int i = questions.size() - 1; i >= from; i--) {
            Open open = questions.remove(i).open;
            if (open != null) {
                unused.add(open);
            }
        }
        reached = Math.min(reached, from);
    }

    private void dropUnused() {
        while (!unused.isEmpty()) {
            unused.remove(unused.size() - 1).drop();
        }
    }

    /** One question, and its answer. */
    static final class Question {
        private static final long OPEN = -1;

        private final VmOperations operations;
        private Vma vma;

        /** Where the VMA is to be cut, or OPEN. */
        private final long address;

        private @Nullable Vma kept;
        private boolean isAnswered;
        private @Nullable Errno refusal;
        private @Nullable Open open;

        private Question(VmOperations operations, Vma vma, long address, @Nullable Vma kept) {
            this.operations = operations;
            this.vma = vma;
            this.address = address;
            this.kept = kept;
        }

        private boolean isAbout(VmOperations others, Vma other, long otherAddress) {
            return operations == others && address == otherAddress && vma.looksLike(other);
        }

        /** Comes up again in another attempt, about a VMA that looks the same. */
        private void takesUp(Vma now, @Nullable Vma keptNow) {
            kept = keptNow;
            if (!isAnswered) {
                vma = now;
            }
        }

        private void ask(MachineState host) {
            if (address == OPEN) {
                // Made first, so that nothing can fail between the backing's yes and the one who will close.
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

        /** The open, if it was answered so. */
        Open granted() {
            return Objects.requireNonNull(open, "open");
        }
    }
}
