// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave;

import dev.samara.core.Cpu;
import dev.samara.core.LayoutSnapshot;
import dev.samara.core.VmaRef;
import dev.samara.core.interleave.SpaceScenario.Operation;
import dev.samara.core.interleave.SpaceScenario.State;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The kinds of operations that {@link PairScenario} pairs. Each works on a range of two pages: the first has been
 * written, the second has never been touched.
 */
final class PairKinds {
    /** Where moves go to: beyond all ranges. */
    static final long ELSEWHERE = SpaceScenario.AT + 16 * SpaceScenario.PAGE;

    private static final long PAGE = SpaceScenario.PAGE;
    private static final int FIXED_MOVE = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;

    /** An operation on a range. */
    interface Action {
        Object run(String label, State state, Cpu cpu, long start, long length);
    }

    /**
     * A kind of operation.
     *
     * @param takes the rights that nobody has after its return
     * @param gives whether it may give rights
     * @param isGuest whether its CPU is in GUEST before it begins
     * @param action the operation
     */
    record Verb(long takes, boolean gives, boolean isGuest, Action action) {}

    private static final Map<String, Verb> VERBS = new LinkedHashMap<>();

    private PairKinds() {}

    static {
        gives(
                "mmap",
                (label, state, cpu, start, length) ->
                        state.space.mmap(start, length, SpaceScenario.RW, SpaceScenario.FIXED, null, 0));
        takes("munmap", Pte.RIGHTS, (label, state, cpu, start, length) -> state.space.munmap(start, length));
        takes(
                "mremap",
                Pte.RIGHTS,
                (label, state, cpu, start, length) ->
                        state.space.mremap(start, length, length, FIXED_MOVE, start - SpaceScenario.AT + ELSEWHERE));
        takes(
                "mprotect",
                Pte.WRITE,
                (label, state, cpu, start, length) -> state.space.mprotect(start, length, Protection.READ));
        gives(
                "widen",
                (label, state, cpu, start, length) ->
                        state.space.mprotect(start, length, SpaceScenario.RW | Protection.EXEC));
        add("dontneed", (label, state, cpu, start, length) -> state.space.madvise(start, length, Advice.DONTNEED));
        add("guard", (label, state, cpu, start, length) -> state.space.madvise(start, length, Advice.GUARD_INSTALL));
        add("mlock", (label, state, cpu, start, length) -> state.space.mlock(start, length));
        add("fork", (label, state, cpu, start, length) -> {
            state.children.put("child of " + label, state.space.fork());
            return "forked";
        });
        takes("close", Pte.RIGHTS, (label, state, cpu, start, length) -> {
            state.space.close();
            return "closed";
        });
        add("load", (label, state, cpu, start, length) -> SpaceScenario.load(cpu, start));
        add("read-fault", (label, state, cpu, start, length) -> SpaceScenario.load(cpu, start + PAGE));
        add("store", (label, state, cpu, start, length) -> SpaceScenario.store(cpu, start, 0x57));
        add("write-fault", (label, state, cpu, start, length) -> SpaceScenario.store(cpu, start + PAGE, 0x58));
        VERBS.put("in-guest", new Verb(0, false, true, (label, state, cpu, start, length) -> {
            String stored = SpaceScenario.store(cpu, start, 0x59);
            if (state.inGuest.remove(cpu)) {
                cpu.leaveGuest();
            }
            return stored;
        }));
        add(
                "resolve",
                (label, state, cpu, start, length) -> Fault.toString(state.space.resolve(start, Protection.READ)));
        add("reference", (label, state, cpu, start, length) -> {
            VmaRef reference = state.space.acquire(start);
            if (reference == null) {
                return "nothing";
            }
            boolean covers = reference.vma().start() <= start && reference.vma().end() > start;
            reference.close();
            return covers;
        });
        add("snapshot", (label, state, cpu, start, length) -> {
            // Not the VMAs: neighbours that are equal may be apart until an operation is complete.
            LayoutSnapshot snapshot = state.space.snapshot();
            return protection(snapshot.find(start)) + ' ' + protection(snapshot.find(start + PAGE));
        });
        add("collect", (label, state, cpu, start, length) -> {
            List<Long> pages = new ArrayList<>();
            state.space.collectDirty(start, length, pages::add);
            return pages.size() <= 2;
        });
    }

    private static String protection(@Nullable Vma vma) {
        return vma == null ? "nothing" : VmaFlags.format(vma.flags() & VmaFlags.ACCESS);
    }

    private static void add(String name, Action action) {
        VERBS.put(name, new Verb(0, false, false, action));
    }

    private static void gives(String name, Action action) {
        VERBS.put(name, new Verb(0, true, false, action));
    }

    private static void takes(String name, long rights, Action action) {
        VERBS.put(name, new Verb(rights, false, false, action));
    }

    /** The names of all kinds. */
    static List<String> names() {
        return List.copyOf(VERBS.keySet());
    }

    static Verb of(String name) {
        Verb verb = VERBS.get(name);
        if (verb == null) {
            throw new IllegalArgumentException("no kind " + name);
        }
        return verb;
    }

    /** The operation of a kind on a range. */
    static Operation operation(String label, Verb verb, long start, long length, boolean isJudged) {
        return new Operation() {
            @Override
            public void before(State state, Cpu cpu) {
                if (verb.isGuest()) {
                    cpu.enterGuest();
                    SpaceScenario.load(cpu, start);
                    state.inGuest.add(cpu);
                }
            }

            @Override
            public String run(State state, Cpu cpu) {
                try {
                    return String.valueOf(verb.action().run(label, state, cpu, start, length));
                } catch (MmException refused) {
                    return refused.errno().name();
                } catch (IllegalStateException refused) {
                    return "refused";
                }
            }

            @Override
            public void returned(State state) {
                if (isJudged && verb.takes() != 0) {
                    state.standStill.revoked(state.space, start, start + length, verb.takes());
                }
            }
        };
    }
}
