// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.pair;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LazyTlb;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.interleave.pair.Combination.Cpus;
import dev.samara.core.interleave.pair.Combination.Spaces;
import dev.samara.core.interleave.pair.PairKinds.Call;
import dev.samara.core.interleave.pair.PairKinds.Kind;
import dev.samara.core.interleave.pair.PairKinds.Use;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.StandStill;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.MmException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Runs two or three operations on one mapping of eight pages, which a {@link Combination} specifies. */
final class PairScenario extends SpaceScenario {
    /** The number of frames of a machine with a file or two spaces. */
    static final int FRAMES = 40;

    private static final long LENGTH = 2 * PAGE;
    private static final long END = AT + Ground.PAGES * PAGE;
    private static final String CHILD = "child";
    private static final String NO_MEMORY = "-12";
    private static final String LOCKED = "0";

    /** The kinds that use a second space, unrelated to the first one. */
    private static final Set<String> USE_ANOTHER_SPACE = Set.of("switch", "reclaim", "use", "exec");

    /** The kinds that fault pages in after they completed. */
    private static final Set<String> FAULT_IN = Set.of("mlock", "populate", "populate-read", "mmap-populate");

    /** Separates the combination from the strategy for CPUs in LAZY. */
    private static final char BY = '@';

    private final String name;
    private final Combination combination;
    private final Map<String, Operation> calls = new LinkedHashMap<>();
    private final long one = AT + PAGE;
    private final long other;

    /**
     * Creates the scenario of a name: a combination, and after an at sign the strategy for CPUs in LAZY if it is not
     * the default one.
     */
    PairScenario(String name) {
        this.name = name;
        combination = combination(name);
        other = AT + combination.relation().first * PAGE;
        List<String> kinds = combination.kinds();
        for (int i = 0; i < kinds.size(); i++) {
            String label = (i + 1) + "-" + kinds.get(i);
            calls.put(label, new Paired(label, PairKinds.of(kinds.get(i)), i == 1 ? other : one, i, othersGive(i)));
        }
    }

    /** Returns the name of a combination with a strategy. */
    static String name(Combination combination, LazyTlb strategy) {
        return combination.toString() + BY + strategy;
    }

    /** Returns the combination in a name, which may end with a strategy. */
    static Combination combination(String name) {
        int at = name.indexOf(BY);
        return Combination.parse(at < 0 ? name : name.substring(0, at));
    }

    /** Returns the strategy for CPUs in LAZY in a name, or the default one. */
    static LazyTlb strategy(String name) {
        int at = name.indexOf(BY);
        return at < 0 ? LazyTlb.SHOOTDOWN : LazyTlb.valueOf(name.substring(at + 1));
    }

    private boolean othersGive(int one) {
        List<String> kinds = combination.kinds();
        for (int i = 0; i < kinds.size(); i++) {
            Kind other = PairKinds.of(kinds.get(i));
            // An access below a stack makes it grow again.
            boolean isGrowing = combination.ground() == Ground.STACK && other.use() != Use.NONE;
            if (i != one && (other.gives() || isGrowing)) {
                return true;
            }
        }
        return false;
    }

    @Override
    protected String name() {
        return name;
    }

    @Override
    protected Map<String, Operation> calls() {
        return calls;
    }

    @Override
    protected MachineBuilder builder() {
        int window = combination.ground() == Ground.CACHED_FILE ? 4 : 1;
        return super.builder().faultAround(window).lazyTlb(strategy(name));
    }

    @Override
    protected int pages() {
        return combination.ground() == Ground.ANONYMOUS && combination.spaces() == Spaces.ONE ? super.pages() : FRAMES;
    }

    @Override
    protected AddressSpace space(Machine machine) {
        return combination.ground().describe(machine.space(LINUX)).build();
    }

    /**
     * Concurrently with an operation that briefly allocates all frames, another operation may find no memory. A reap
     * takes effect at two instants, its mark and its end; so does a call that faults in pages after it completed.
     */
    @Override
    protected boolean mayDiffer(Collection<String> results) {
        List<String> kinds = combination.kinds();
        if (kinds.contains(LayoutKinds.REAP)) {
            return calls.size() > 2 || kinds.stream().anyMatch(FAULT_IN::contains);
        }
        return kinds.contains("reclaim") && results.stream().anyMatch(Set.of("OUT_OF_MEMORY", "-11", "-12")::contains);
    }

    /**
     * The layout of a fork may precede a second operation while one of its pages follows a third one. A store that
     * makes a stack grow also takes effect at two instants.
     */
    @Override
    protected boolean mayPagesFollow() {
        List<String> kinds = combination.kinds();
        return kinds.contains("fork") && (calls.size() > 2 || kinds.contains("stack-fault"));
    }

    /**
     * The pages of a populated mapping are faulted in after it, so the other operation may have come between the two.
     */
    @Override
    protected String layout(AddressSpace of) {
        String text = super.layout(of);
        boolean isPopulated = combination.kinds().contains("mmap-populate");
        return isPopulated ? text.replaceAll("( ac)? \\+[0-9a-f]+( (fresh|inherited)#\\d+)?", "") : text;
    }

    @Override
    protected List<Long> addresses() {
        List<Long> addresses = new ArrayList<>(StandStill.pages(one, 2));
        StandStill.pages(other, 2).stream()
                .filter(page -> !addresses.contains(page))
                .forEach(addresses::add);
        if (combination.ground() == Ground.STACK) {
            addresses.add(PairKinds.BELOW);
        }
        if (combination.kinds().stream().anyMatch(kind -> kind.startsWith("mremap"))) {
            for (long page : List.copyOf(addresses)) {
                addresses.add(page - AT + PairKinds.ELSEWHERE);
            }
        }
        return addresses;
    }

    @Override
    protected void prepare(State state, Cpu cpu) {
        Ground ground = combination.ground();
        if (combination.kinds().stream().anyMatch(USE_ANOTHER_SPACE::contains)) {
            state.other();
        }
        if (combination.kinds().contains("shmat")) {
            state.segment(ShmKinds.PAGES);
        }
        state.file = ground.file(state);
        ground.map(state);
        store(cpu, one, 10);
        if (other != one) {
            store(cpu, other, 11);
        }
        ground.guard(state.space, one);
        ground.guard(state.space, other);
        switch (combination.spaces()) {
            case ONE -> {}
            case ENDED -> state.space.fork().close();
            case FORKED, CHILD -> state.children.put(CHILD, state.space.fork());
        }
        state.unfinished = (int) combination.kinds().stream()
                .filter(kind -> !kind.equals(AccessKinds.POLLS))
                .count();
        calls.forEach((label, operation) -> {
            if (label.endsWith(ReferenceKinds.TRY_GET)) {
                state.held.put(label, operation.space(state).hold());
            }
        });
    }

    /** An operation on one of the ranges. */
    private final class Paired implements Operation {
        private final String label;
        private final Kind kind;
        private final long start;
        private final boolean isInChild;
        private final boolean mayBeGiven;

        Paired(String label, Kind kind, long start, int number, boolean mayBeGiven) {
            this.label = label;
            this.kind = kind;
            this.start = start;
            isInChild = combination.spaces() == Spaces.CHILD && number == 1;
            this.mayBeGiven = mayBeGiven;
        }

        @Override
        public AddressSpace space(State state) {
            return isInChild ? state.child(CHILD) : state.space;
        }

        @Override
        public boolean isAccess() {
            boolean isLeft = combination.kinds().stream().anyMatch(any -> any.endsWith(LayoutKinds.LEFT));
            return (isLeft || calls.size() > 2) && kind.use() != Use.NONE;
        }

        private boolean isLazy() {
            return combination.cpus() == Cpus.LAZY && kind.use() != Use.GUEST;
        }

        @Override
        public void prepare(State state, Cpu cpu) {
            if (combination.cpus() != Cpus.COLD) {
                for (long at = AT; at < END; at += PAGE) {
                    load(cpu, at);
                }
            }
            if (isLazy()) {
                cpu.enterLazy();
            }
        }

        @Override
        public void before(State state, Cpu cpu) {
            if (kind.use() == Use.GUEST) {
                cpu.enterGuest();
                load(cpu, start);
                state.inGuest.add(cpu);
            }
        }

        /**
         * Returns whether this is a call of {@code mlock}. It finds guards when it faults in the pages that it locked,
         * unless one of two other operations removes the guards in the meantime.
         */
        private boolean mayMissGuards() {
            return calls.size() > 2
                    && label.endsWith("-mlock")
                    && combination.kinds().contains("guard");
        }

        @Override
        public String run(State state, Cpu cpu) {
            AddressSpace space = space(state);
            if (isLazy() && kind.use() == Use.ACCESS) {
                try {
                    cpu.switchTo(space);
                } catch (MmException closed) {
                    return AccessKinds.NOTHING;
                }
            }
            String result = kind.run(new Call(label, state, space, cpu, start, LENGTH));
            return mayMissGuards() && result.equals(NO_MEMORY) ? LOCKED : result;
        }

        @Override
        public void returned(State state, String result) {
            state.unfinished -= label.endsWith('-' + AccessKinds.POLLS) ? 0 : 1;
            boolean hasTaken = !result.startsWith("-") && !result.startsWith("E") && !result.equals("refused");
            if (kind.takes() != 0 && hasTaken && !mayBeGiven) {
                long end = kind.takenTo(start + LENGTH);
                // If nothing waits for the call here, the rights are removed when it completes.
                long from = start + kind.kept();
                state.standStill.revoked(space(state), from, end, kind.takes(), state.unjoined.get(label));
                if (combination.ground() != Ground.HEAP && kind.isToEnd()) {
                    state.children
                            .values()
                            .forEach(child -> state.standStill.revoked(child, from, end, kind.takes(), null));
                }
            }
        }
    }
}
