// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.LayoutText;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.event.Report;
import dev.samara.core.interleave.schedule.Scenario;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Geometry;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.agrona.concurrent.IdleStrategy;
import org.jspecify.annotations.Nullable;

/**
 * Operations on one address space. What they return, the layout and the contents after them must be the outcome of some
 * order of the operations.
 */
abstract class SpaceScenario implements Scenario {
    static final Geometry LINUX = Geometry.LINUX_X86_64;
    static final long PAGE = LINUX.pageSize();
    static final int RW = Protection.READ | Protection.WRITE;
    static final int FIXED = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;

    /** A range of four pages in one leaf. */
    static final long AT = 0x10_0000_0000L;

    /** Outcomes of the orders, by scenario. Held by the class loader of the scenario. */
    private static final Map<String, Set<Outcome>> OUTCOMES = Collections.synchronizedMap(new LinkedHashMap<>());

    /** What a run has led to. */
    private record Outcome(String results, List<String> pages) {
        /** Whether each page is that of some order with these results: copies and discards go page by page. */
        boolean isOf(Set<Outcome> orders) {
            List<Outcome> like = orders.stream()
                    .filter(order -> order.results.equals(results))
                    .toList();
            for (int i = 0; i < pages.size(); i++) {
                int page = i;
                if (like.stream().noneMatch(order -> order.pages.get(page).equals(pages.get(page)))) {
                    return false;
                }
            }
            return !like.isEmpty();
        }
    }

    /** A machine with a space. */
    static final class State {
        final List<String> reports = new ArrayList<>();
        final Machine machine;
        final AddressSpace space;
        final Map<String, AddressSpace> children = new LinkedHashMap<>();
        final List<MemoryFile> files = new ArrayList<>();
        final Set<Cpu> inGuest = new HashSet<>();
        final StandStill standStill;

        State(MachineBuilder builder, int pages, Function<Machine, AddressSpace> spaces, List<Long> addresses) {
            machine = builder.memory(pages * PAGE)
                    .frameStore(HeapFrames::new)
                    .tlbEntries(64)
                    .faultAround(1)
                    .housekeeping(new IdleByClock())
                    .reportTo(this::report)
                    .build();
            space = spaces.apply(machine);
            standStill = new StandStill(space, addresses);
        }

        private void report(Report report) {
            reports.add(report.kind() + " " + report.message() + " " + report.cause());
        }
    }

    /** The thread of the housekeeping asks again where no other thread can run, or when it is told. */
    private static final class IdleByClock implements IdleStrategy {
        private static final long PAUSE = 10_000_000;

        @Override
        public void idle(int moved) {
            if (moved == 0) {
                idle();
            }
        }

        @Override
        public void idle() {
            LockSupport.parkNanos(this, PAUSE);
        }

        @Override
        public void reset() {}
    }

    /** An operation, on a thread with a CPU of its own that uses the space. */
    interface Operation {
        /** Prepares the thread, before any operation begins. */
        default void before(State state, Cpu cpu) {}

        /** Returns the result, to be compared with those of the operations one after the other. */
        String run(State state, Cpu cpu);

        /** Notes what nobody may do any more, right after the return. */
        default void returned(State state) {}
    }

    /** An operation of a thread that enters GUEST before the operations begin. */
    interface GuestOperation extends Operation {
        @Override
        default void before(State state, Cpu cpu) {
            cpu.enterGuest();
        }
    }

    private boolean isQuiet;
    private final Map<String, String> results = new LinkedHashMap<>();
    private @Nullable State state;

    /** The machine; overridden for options. */
    MachineBuilder builder() {
        return Machine.builder();
    }

    /** The number of frames. With few of them, a frame that is freed is soon used again. */
    int pages() {
        return 16;
    }

    /** The space; overridden for options. */
    AddressSpace space(Machine machine) {
        return machine.newSpace(LINUX);
    }

    /**
     * Whether the outcome must be that of some order of the operations; false if an operation cannot run alone. Such a
     * scenario judges by itself.
     */
    boolean hasOrders() {
        return true;
    }

    /** The pages whose contents and translations are judged. */
    List<Long> addresses() {
        return StandStill.pages(AT, 4);
    }

    /** What distinguishes the scenario from others of its class. */
    String name() {
        return "";
    }

    /** Whether nothing may be left in use at the end; false if the scenario leaves something itself. */
    boolean isClosed() {
        return true;
    }

    /** Judges the state after the operations. */
    void judge(State state, Cpu cpu) {}

    /** Judges the state after the spaces and the machine are closed. */
    void judgeClosed() {}

    /** Maps what the operations work on. */
    abstract void prepare(State state, Cpu cpu);

    /** The operations, by the names of their threads. */
    abstract Map<String, Operation> calls();

    @Override
    public final void begin() {
        if (hasOrders() && !OUTCOMES.containsKey(key())) {
            Set<Outcome> outcomes = new LinkedHashSet<>();
            List<String> names = new ArrayList<>(calls().keySet());
            permute(names, 0, outcomes);
            OUTCOMES.put(key(), outcomes);
        }
        state = prepared();
    }

    private String key() {
        return getClass().getName() + ' ' + name();
    }

    private Operation call(String name) {
        return Objects.requireNonNull(calls().get(name), name);
    }

    private State state() {
        return Objects.requireNonNull(state, "before the beginning");
    }

    private State prepared() {
        State made = new State(builder(), pages(), this::space, addresses());
        try (Cpu cpu = made.machine.claimCpu()) {
            cpu.switchTo(made.space);
            prepare(made, cpu);
        }
        return made;
    }

    private void permute(List<String> names, int from, Set<Outcome> outcomes) {
        if (from == names.size()) {
            State alone = prepared();
            Map<String, String> found = new LinkedHashMap<>();
            try (Cpu cpu = alone.machine.claimCpu()) {
                cpu.switchTo(alone.space);
                names.forEach(name -> found.put(name, call(name).run(alone, cpu)));
            }
            outcomes.add(outcome(alone, found));
            return;
        }
        for (int i = from; i < names.size(); i++) {
            Collections.swap(names, from, i);
            permute(names, from + 1, outcomes);
            Collections.swap(names, from, i);
        }
    }

    @Override
    public final Map<String, Body> operations() {
        Map<String, Body> bodies = new LinkedHashMap<>();
        calls().forEach((name, operation) -> bodies.put(name, new Body() {
            private @Nullable Cpu claimed;

            private Cpu cpu() {
                return Objects.requireNonNull(claimed, "no CPU");
            }

            @Override
            public void before() {
                claimed = state().machine.claimCpu();
                cpu().switchTo(state().space);
                operation.before(state(), cpu());
                state().standStill.add(cpu());
            }

            @Override
            public void run() {
                results.put(name, operation.run(state(), cpu()));
                operation.returned(state());
            }

            @Override
            public void after() {
                if (!isQuiet) {
                    isQuiet = true;
                    state().standStill.judgeQuiet(state().space);
                }
                state().standStill.remove(cpu());
                cpu().close();
            }
        }));
        return bodies;
    }

    @Override
    public final void judgeStep() {
        state().standStill.judge();
    }

    @Override
    public final void end() {
        if (hasOrders()) {
            Outcome outcome = outcome(state(), results);
            Set<Outcome> possible = Objects.requireNonNull(OUTCOMES.get(key()));
            if (!outcome.isOf(possible)) {
                throw new AssertionError(
                        "no order of the operations leads to\n" + outcome + "\npossible:\n" + possible);
            }
        }
        try (Cpu cpu = state().machine.claimCpu()) {
            if (switchTo(cpu, state().space)) {
                judge(state(), cpu);
            }
        }
        if (isClosed()) {
            closeEmpty();
            judgeClosed();
        }
        if (!state().reports.isEmpty()) {
            throw new AssertionError(state().reports.toString());
        }
    }

    /** Nothing is left when everything is closed (I8). */
    private void closeEmpty() {
        State of = state();
        List<AddressSpace> spaces = new ArrayList<>(of.children.values());
        spaces.add(of.space);
        spaces.forEach(AddressSpace::close);
        of.files.forEach(MemoryFile::close);
        try {
            of.machine.awaitQuiescence();
        } catch (InterruptedException impossible) {
            throw new IllegalStateException(impossible);
        }
        for (AddressSpace space : spaces) {
            if (StandStill.tableOf(space).tables() != 0
                    || !MachineInternals.layoutOf(space).inFlight().isEmpty()) {
                throw new AssertionError("I8: page tables or operations are left");
            }
        }
        if (of.machine.statistics().framesInUse() != 0 || of.machine.committed() != 0) {
            throw new AssertionError("I8: left at the end: " + of.machine.statistics());
        }
    }

    private Outcome outcome(State of, Map<String, String> found) {
        StringBuilder text = new StringBuilder();
        new TreeMap<>(found)
                .forEach((name, result) ->
                        text.append(name).append(' ').append(result).append('\n'));
        List<String> pages = new ArrayList<>();
        contents(of, of.space, text, pages);
        of.children.forEach((name, child) -> {
            text.append(name).append('\n');
            contents(of, child, text, pages);
        });
        return new Outcome(text.toString(), pages);
    }

    private void contents(State of, AddressSpace space, StringBuilder text, List<String> pages) {
        // A guard beside a fork: the child may have it in a VMA without the mark that there may be guards.
        text.append(LayoutText.of(space).replace(" gu ", " "));
        try (Cpu cpu = of.machine.claimCpu()) {
            boolean isOpen = switchTo(cpu, space);
            for (long address : addresses()) {
                pages.add(isOpen ? load(cpu, address) : "closed");
            }
        }
    }

    /** Returns whether a space is open for CPUs. */
    private static boolean switchTo(Cpu cpu, AddressSpace space) {
        try {
            cpu.switchTo(space);
            return true;
        } catch (MmException closed) {
            return false;
        }
    }

    static String load(Cpu cpu, long address) {
        int fault = cpu.memory().load(address, 8);
        return isDone(fault) ? Long.toString(cpu.memory().value()) : Fault.toString(fault);
    }

    static String store(Cpu cpu, long address, long value) {
        int fault = cpu.memory().store(address, 8, value);
        return isDone(fault) ? "stored" : Fault.toString(fault);
    }

    private static boolean isDone(int fault) {
        return fault == Fault.NONE;
    }
}
