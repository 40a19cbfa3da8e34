// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A step of a script with checkpoints. Its text is that of the operation, or the name of the kind and, except for
 * TAKE, which checkpoint.
 *
 * @param back which open checkpoint: 0 for the youngest, 1 for the one before it; if there is none, the step does
 *     nothing
 * @param operation the operation; null if the kind is not OPERATION
 */
record LawStep(Kind kind, int back, @Nullable Operation operation) {
    /** What a step does. */
    enum Kind {
        OPERATION,

        /** Makes a checkpoint of each process. */
        TAKE,

        /** Restores, and repeats all steps that followed the checkpoint. */
        RETURN,

        /** Restores, and drops the steps that followed the checkpoint. */
        RESTORE,

        CLOSE
    }

    static LawStep of(Operation operation) {
        return new LawStep(Kind.OPERATION, 0, operation);
    }

    static LawStep take() {
        return new LawStep(Kind.TAKE, 0, null);
    }

    Operation named() {
        return Objects.requireNonNull(operation);
    }

    /** Returns simpler steps, the simplest first. */
    List<LawStep> simpler() {
        return operation == null
                ? List.of()
                : operation.simpler().stream().map(LawStep::of).toList();
    }

    /** Returns the name of the kind, or of the operation's verb. */
    String name() {
        return operation == null
                ? kind.name().toLowerCase(Locale.ROOT)
                : operation.verb().text();
    }

    String text(long base) {
        if (operation != null) {
            return operation.text(base);
        }
        return kind == Kind.TAKE ? name() : name() + " " + back;
    }

    static LawStep parse(String line, long base) {
        if (Character.isDigit(line.charAt(0))) {
            return of(Operation.parse(line, base));
        }
        String[] words = line.split(" ", -1);
        Kind kind = Kind.valueOf(words[0].toUpperCase(Locale.ROOT));
        return new LawStep(kind, words.length > 1 ? Integer.parseInt(words[1]) : 0, null);
    }
}
