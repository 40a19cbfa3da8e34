// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.GroundFile;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.MmException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;

/**
 * The kinds of operations that {@link PairScenario} combines. Each works on a range of two pages: the first page was
 * written, the second one was never touched.
 */
final class PairKinds {
    /** Where moves go to: beyond all ranges. */
    static final long ELSEWHERE = SpaceScenario.AT + 16 * SpaceScenario.PAGE;

    /** The page below all ranges, to which a stack may grow. */
    static final long BELOW = SpaceScenario.AT - SpaceScenario.PAGE;

    /** A call of an operation. */
    record Call(String label, State state, AddressSpace space, Cpu cpu, long start, long length) {
        /** The second page, which has not been touched. */
        long second() {
            return start + SpaceScenario.PAGE;
        }

        /** Where moves go to. */
        long elsewhere() {
            return start - SpaceScenario.AT + ELSEWHERE;
        }

        /** The place of the range in the file of the ground. */
        long offset() {
            return start - SpaceScenario.AT;
        }

        GroundFile file() {
            return Objects.requireNonNull(state.file, "no file");
        }

        long end() {
            return start + length;
        }
    }

    /** The code of an operation. */
    interface Action {
        Object run(Call call);
    }

    /** What is true of the CPU of an operation. */
    enum Use {
        /** The operation uses no CPU. */
        NONE,
        /** It makes accesses. */
        ACCESS,
        /** The CPU is in GUEST before the operation begins. */
        GUEST
    }

    /**
     * A kind of operation.
     *
     * @param takes the rights that nobody has after its return
     * @param kept the bytes at the beginning of its range from which it takes none
     * @param isToEnd whether it takes them from the rest of the mapping, too
     * @param gives whether it may give rights
     * @param use the use of the CPU
     * @param grounds where it has something to work on
     * @param action the operation
     */
    record Kind(
            long takes, long kept, boolean isToEnd, boolean gives, Use use, Predicate<Ground> grounds, Action action) {
        boolean isOn(Ground ground) {
            return grounds.test(ground);
        }

        /** Returns the result as text: that of the call, or the refusal. */
        String run(Call call) {
            try {
                return String.valueOf(action.run(call));
            } catch (MmException refused) {
                return refused.errno().name();
            } catch (IllegalStateException refused) {
                return "refused";
            }
        }

        /** The end of the range from which it takes rights. */
        long takenTo(long end) {
            return isToEnd ? SpaceScenario.AT + GroundFile.LENGTH : end;
        }
    }

    private static final Map<String, Kind> KINDS = new LinkedHashMap<>();

    private PairKinds() {}

    static {
        LayoutKinds.addTo();
        AccessKinds.addTo();
        ReferenceKinds.addTo();
        FileKinds.addTo();
        ShmKinds.addTo();
    }

    static void add(String name, Action action) {
        KINDS.put(name, new Kind(0, 0, false, false, Use.NONE, ground -> true, action));
    }

    static void gives(String name, Action action) {
        KINDS.put(name, new Kind(0, 0, false, true, Use.NONE, ground -> true, action));
    }

    static void takes(String name, long rights, Action action) {
        KINDS.put(name, new Kind(rights, 0, false, false, Use.NONE, ground -> true, action));
    }

    /** Adds a kind that takes all rights from its range but for a part at the beginning. */
    static void takesBehind(long kept, String name, Action action) {
        KINDS.put(name, new Kind(Pte.RIGHTS, kept, false, false, Use.NONE, ground -> true, action));
    }

    static void accesses(String name, Use use, Action action) {
        KINDS.put(name, new Kind(0, 0, false, false, use, ground -> true, action));
    }

    /** Adds a kind that makes accesses, on some grounds only. */
    static void accessesOn(Predicate<Ground> grounds, String name, Action action) {
        KINDS.put(name, new Kind(0, 0, false, false, Use.ACCESS, grounds, action));
    }

    /** Adds a kind that works on some grounds only. */
    static void on(Predicate<Ground> grounds, String name, Action action) {
        KINDS.put(name, new Kind(0, 0, false, false, Use.NONE, grounds, action));
    }

    /** Adds a kind that gives rights, on some grounds only. */
    static void givesOn(Predicate<Ground> grounds, String name, Action action) {
        KINDS.put(name, new Kind(0, 0, false, true, Use.NONE, grounds, action));
    }

    /** Adds a kind that takes all rights from the rest of the mapping, on some grounds only. */
    static void endsOn(Predicate<Ground> grounds, String name, Action action) {
        KINDS.put(name, new Kind(Pte.RIGHTS, 0, true, false, Use.NONE, grounds, action));
    }

    /** Adds a kind that takes all rights from its range in its space, on some grounds only. */
    static void takesOn(Predicate<Ground> grounds, String name, Action action) {
        KINDS.put(name, new Kind(Pte.RIGHTS, 0, false, false, Use.NONE, grounds, action));
    }

    /** The names of all kinds. */
    static List<String> names() {
        return List.copyOf(KINDS.keySet());
    }

    static Kind of(String name) {
        Kind kind = KINDS.get(name);
        if (kind == null) {
            throw new IllegalArgumentException("no kind " + name);
        }
        return kind;
    }
}
