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
    /** The target of moves, beyond all ranges. */
    static final long ELSEWHERE = SpaceScenario.AT + 16 * SpaceScenario.PAGE;

    /** The page below all ranges, to which a stack may grow. */
    static final long BELOW = SpaceScenario.AT - SpaceScenario.PAGE;

    /** A call of an operation. */
    record Call(String label, State state, AddressSpace space, Cpu cpu, long start, long length) {
        /** Returns the second page, which was never touched. */
        long second() {
            return start + SpaceScenario.PAGE;
        }

        /** Returns the target of moves. */
        long elsewhere() {
            return start - SpaceScenario.AT + ELSEWHERE;
        }

        /** Returns the offset of the range in the ground's file. */
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

    /** How an operation uses its CPU. */
    enum Use {
        /** The operation uses no CPU. */
        NONE,
        /** It makes accesses. */
        ACCESS,
        /** The CPU is in GUEST before the operation starts. */
        GUEST
    }

    /**
     * A kind of operation.
     *
     * @param takes the rights that no CPU has after the operation returns
     * @param kept how many bytes at the start of its range keep their rights
     * @param isToEnd whether the rest of the mapping loses these rights, too
     * @param gives whether the operation may grant rights
     * @param use how the operation uses its CPU
     * @param grounds the grounds on which it has something to work on
     * @param action the operation
     */
    record Kind(
            long takes, long kept, boolean isToEnd, boolean gives, Use use, Predicate<Ground> grounds, Action action) {
        boolean isOn(Ground ground) {
            return grounds.test(ground);
        }

        /** Returns the result as text: the result of the call, or the exception. */
        String run(Call call) {
            try {
                return String.valueOf(action.run(call));
            } catch (MmException refused) {
                return refused.errno().name();
            } catch (IllegalStateException refused) {
                return "refused";
            }
        }

        /** Returns the end of the range that loses rights. */
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

    /** Adds a kind that removes all rights from its range, except for a part at the start. */
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

    /** Adds a kind that grants rights, on some grounds only. */
    static void givesOn(Predicate<Ground> grounds, String name, Action action) {
        KINDS.put(name, new Kind(0, 0, false, true, Use.NONE, grounds, action));
    }

    /** Adds a kind that removes all rights from the rest of the mapping, on some grounds only. */
    static void endsOn(Predicate<Ground> grounds, String name, Action action) {
        KINDS.put(name, new Kind(Pte.RIGHTS, 0, true, false, Use.NONE, grounds, action));
    }

    /** Adds a kind that removes all rights from its range in its space, on some grounds only. */
    static void takesOn(Predicate<Ground> grounds, String name, Action action) {
        KINDS.put(name, new Kind(Pte.RIGHTS, 0, false, false, Use.NONE, grounds, action));
    }

    /** Returns the names of all kinds. */
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
