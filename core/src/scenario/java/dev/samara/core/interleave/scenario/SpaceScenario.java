// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.MachineBuilder;
import dev.samara.core.MachineInternals;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.internal.space.Divisions;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.vma.Geometry;
import dev.samara.interleave.schedule.Scenario;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Operations on one address space. Their results, and the layout and the contents afterwards, must be an outcome of
 * some order of the operations.
 */
public abstract class SpaceScenario implements Scenario {
    public static final Geometry LINUX = Geometry.LINUX_X86_64;
    public static final long PAGE = LINUX.pageSize();
    public static final int RW = Mman.READ | Mman.WRITE;
    public static final int FIXED = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;

    /** A range of four pages in one leaf. */
    public static final long AT = 0x10_0000_0000L;

    /** The outcomes, by scenario, of the scenarios that one class loader loaded. */
    private static final Map<String, Outcomes> OUTCOMES = new ConcurrentHashMap<>();

    /** An operation, on a thread with its own CPU, which uses the space. */
    public interface Operation {
        /** Returns the space of the CPU. */
        default AddressSpace space(State state) {
            return state.space;
        }

        /**
         * Returns whether the operation may still see what another operation found removed: the call that removes it
         * published but did not return, or is asynchronous and not complete.
         */
        default boolean isAccess() {
            return false;
        }

        /** Prepares the CPU, before any operation starts. */
        default void prepare(State state, Cpu cpu) {}

        /** Prepares the thread. Not called for an operation that runs alone. */
        default void before(State state, Cpu cpu) {}

        /** Returns the result, which is compared with the results of the operations in sequence. */
        String run(State state, Cpu cpu);

        /** Records what no thread may do any more. Called directly after the operation returned. */
        default void returned(State state, String result) {}
    }

    /** An operation of a thread that enters GUEST before the operations start. */
    public interface GuestOperation extends Operation {
        @Override
        default void before(State state, Cpu cpu) {
            cpu.enterGuest();
        }
    }

    private boolean isQuiet;
    private final Map<String, String> results = new LinkedHashMap<>();

    /** By operation, the operations that returned before it started. */
    private final Map<String, Set<String>> earlier = new HashMap<>();

    private @Nullable State state;

    /** Returns the machine's builder; overridden for options. */
    protected MachineBuilder builder() {
        return Machine.builder().faultAround(1);
    }

    /** Returns the number of frames. With few frames, a freed frame is soon reused. */
    protected int pages() {
        return 16;
    }

    /**
     * Returns the store for the bytes of frames, each access to which is a step. Overridden for buffers, for which
     * accesses are not steps.
     */
    protected MachineBuilder.StoreMaker frames() {
        return HeapFrames::new;
    }

    /** Returns the space; overridden for options. */
    protected AddressSpace space(Machine machine) {
        return machine.newSpace(LINUX);
    }

    /**
     * Returns whether the outcome must be that of some order of the operations; false if an operation cannot run alone,
     * or if the scenario only makes its own checks.
     */
    protected boolean hasOrders() {
        return true;
    }

    /** Returns whether results are possible that no order leads to. */
    protected boolean mayDiffer(Collection<String> results) {
        return false;
    }

    /**
     * Returns whether an operation's layout may precede another operation while one of its pages follows that
     * operation.
     */
    protected boolean mayPagesFollow() {
        return false;
    }

    /** Returns the layout of a space, as text for comparison. */
    protected String layout(AddressSpace of) {
        // With a guard and a concurrent fork, the child may have the guard in a VMA without the mark for guards.
        return LayoutText.of(of).replace(" gu ", " ");
    }

    /** Returns the pages whose contents and translations are judged. */
    protected List<Long> addresses() {
        return StandStill.pages(AT, 4);
    }

    /** Returns what distinguishes the scenario from other scenarios of its class. */
    protected String name() {
        return "";
    }

    /** Returns whether nothing may be left in use at the end; false if the scenario leaves something itself. */
    protected boolean isClosed() {
        return true;
    }

    /** Judges the state after the operations. */
    protected void judge(State state, Cpu cpu) {}

    /** Judges the state after the calls returned, before the spaces are closed. */
    protected void judgeQuiet(State state) {}

    /** Closes the files of the scenario, after the spaces. */
    protected void closeFiles() {}

    /** Judges the state after the spaces and the machine were closed. */
    protected void judgeClosed() {}

    /** Maps the memory on which the operations work. */
    protected abstract void prepare(State state, Cpu cpu);

    /** Returns the operations, by the names of their threads. */
    protected abstract Map<String, Operation> calls();

    @Override
    public final void begin() {
        if (hasOrders() && !OUTCOMES.containsKey(key())) {
            OUTCOMES.put(key(), Outcomes.ofOrders(List.copyOf(calls().keySet()), this::alone));
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
        State made = new State(builder(), pages(), frames(), this::space, addresses());
        try (Cpu cpu = made.machine.claimCpu()) {
            cpu.switchTo(made.space);
            prepare(made, cpu);
        }
        return made;
    }

    /** Runs the operations in sequence, each with its own CPU. */
    private List<Outcomes.Outcome> alone(List<String> names) {
        State alone = prepared();
        Outcomes.Outcome outcome = alone(names, alone);
        if (alone.unjoined.isEmpty()) {
            return List.of(outcome);
        }
        State joining = prepared();
        joining.joins = true;
        return List.of(outcome, alone(names, joining));
    }

    private Outcomes.Outcome alone(List<String> names, State alone) {
        Map<String, Cpu> cpus = new LinkedHashMap<>();
        for (String name : calls().keySet()) {
            Cpu cpu = alone.machine.claimCpu();
            cpu.switchTo(call(name).space(alone));
            call(name).prepare(alone, cpu);
            cpus.put(name, cpu);
        }
        Map<String, String> found = new LinkedHashMap<>();
        names.forEach(name -> found.put(name, call(name).run(alone, Objects.requireNonNull(cpus.get(name)))));
        cpus.values().forEach(Cpu::close);
        return outcome(alone, found);
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
                cpu().switchTo(operation.space(state()));
                operation.prepare(state(), cpu());
                operation.before(state(), cpu());
                state().standStill.add(cpu());
            }

            @Override
            public void run() {
                earlier.put(name, operation.isAccess() ? Set.of() : Set.copyOf(results.keySet()));
                String result = operation.run(state(), cpu());
                results.put(name, result);
                operation.returned(state(), result);
            }

            @Override
            public void after() {
                if (!isQuiet) {
                    isQuiet = true;
                    state().standStill.judgeQuiet(state().space);
                    state().children.values().forEach(state().standStill::judgeQuiet);
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
            Outcomes.Outcome outcome = outcome(state(), results);
            if (!mayDiffer(results.values())) {
                Objects.requireNonNull(OUTCOMES.get(key())).check(outcome, earlier, mayPagesFollow());
            }
        }
        try (Cpu cpu = state().machine.claimCpu()) {
            if (switchTo(cpu, state().space)) {
                judge(state(), cpu);
            }
        }
        if (isClosed()) {
            judgeQuiet(state());
            closeEmpty();
            judgeClosed();
        }
        if (!state().reports.isEmpty()) {
            throw new AssertionError(state().reports.toString());
        }
    }

    /** Closes everything, and checks that nothing is left (I8). */
    private void closeEmpty() {
        State of = state();
        List<AddressSpace> spaces = of.spaces();
        spaces.forEach(AddressSpace::close);
        GroundFile file = of.file;
        if (file != null) {
            file.close();
        }
        closeFiles();
        of.closeSegments();
        try {
            of.machine.awaitQuiescence();
        } catch (InterruptedException impossible) {
            throw new IllegalStateException(impossible);
        }
        for (AddressSpace space : spaces) {
            if (StandStill.tableOf(space).tables() != 0 || Divisions.isInFlight(MachineInternals.layoutOf(space))) {
                throw new AssertionError("I8: page tables or operations are left");
            }
        }
        of.requireUnreferenced();
        if (file != null && file.opens() != 0) {
            throw new AssertionError("I8: opens of the file are left: " + file.opens());
        }
        if (of.machine.statistics().framesInUse() != 0 || of.machine.committed() != 0) {
            throw new AssertionError("I8: left at the end: " + of.machine.statistics());
        }
    }

    private Outcomes.Outcome outcome(State of, Map<String, String> found) {
        of.unjoined.values().forEach(PendingCall::join);
        StringBuilder text = new StringBuilder();
        new TreeMap<>(found)
                .forEach((name, result) ->
                        text.append(name).append(' ').append(result).append('\n'));
        Map<String, String> pages = new LinkedHashMap<>();
        contents(of, "parent", of.space, text, pages);
        of.children.forEach((name, child) -> {
            text.append(name).append('\n');
            contents(of, name, child, text, pages);
        });
        GroundFile file = of.file;
        if (file != null) {
            for (long page = 0; page < Ground.PAGES; page++) {
                pages.put("file " + page, file.number(page * PAGE));
            }
        }
        pages.putAll(of.saved);
        return new Outcomes.Outcome(text.toString(), pages);
    }

    private void contents(State of, String name, AddressSpace space, StringBuilder text, Map<String, String> pages) {
        text.append(layout(space));
        try (Cpu cpu = of.machine.claimCpu()) {
            boolean isOpen = switchTo(cpu, space);
            for (long address : addresses()) {
                pages.put(name + ' ' + (address - AT) / PAGE, isOpen ? load(cpu, address) : "closed");
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

    public static String load(Cpu cpu, long address) {
        int fault = cpu.memory().load(address, 8);
        return isDone(fault) ? Long.toString(cpu.memory().value()) : Fault.toString(fault);
    }

    public static String store(Cpu cpu, long address, long value) {
        int fault = cpu.memory().store(address, 8, value);
        return isDone(fault) ? "stored" : Fault.toString(fault);
    }

    private static boolean isDone(int fault) {
        return fault == Fault.NONE;
    }
}
