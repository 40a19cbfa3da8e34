// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static dev.samara.core.fixture.GuestScene.CALM;
import static dev.samara.core.fixture.GuestScene.REPLACED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.samara.core.AdoptedSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.fixture.GuestScene;
import dev.samara.core.fixture.GuestScene.Waiting;
import dev.samara.core.mman.Mman;
import dev.samara.testing.Share;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.Executable;

/**
 * Calls each public method of the exported classes in GUEST, and within {@code rcuMapPages}. The table names the
 * methods that may wait, and those that the library calls; all others never wait. The lists of docs/waiting.md are
 * generated: {@code -Dwaiting.write=true} writes them.
 */
@DisplayName("I9: each public method waits, or refuses to wait, as the table says")
public class WaitingTableTest {
    private static final Path PAGE = Path.of(System.getProperty("basedir", ""), "..", "docs", "waiting.md");

    /** Selects further ways of waiting for each call, in addition to the one that its number determines. */
    private static final Share SHARE = Share.of("calls in GUEST", 16);

    private static final int COLUMNS = 120;

    private static final Set<String> OF_EVERY_OBJECT = Set.of("toString", "equals", "hashCode", "values", "valueOf");

    /** The calls that acknowledge requests of other threads. */
    private static final Set<String> ACKNOWLEDGES = Set.of("Cpu.poll", "Cpu.leaveGuest", "FlatMemory.poll");

    private enum Answer {
        NEVER_WAITS,
        LEAVES_GUEST_FIRST,
        REFUSED_IN_GUEST,
        REFUSED_WHERE_IT_WOULD_WAIT,
        CALLED_BY_THE_LIBRARY
    }

    /** Below each answer the methods of each class, or {@code *} for all of them. */
    private static final String TABLE = """
            ## NEVER_WAITS
            FlatMemory: memory poll tlb translate
            ## LEAVES_GUEST_FIRST
            FlatMemory: *
            FutexTable: compareAndRequeue requeue wake wakeOp
            FutexWaiter: queue
            GuestMemory: compareAndExchange compareAndSet copy copyIn copyOut fetch fill futexKey getAndAdd
                getAndBitwiseAnd getAndBitwiseOr getAndBitwiseXor getAndSet handleFault load loadReserved
                loadVolatile pin store storeConditional storePair storeVolatile string view
            PageRun: seek
            ## REFUSED_IN_GUEST
            AddressSpace: addListener addNotifier brk checkpoint collectAccessed collectDirty fork growStack
                holdTimes madvise membarrier mlock mlock2 mlockall mmap mmapAsync mprotect mremap mremapAsync mseal msync
                munlock munlockall munmap munmapAsync read readForced remapFilePages save setAnonymousName setLimit
                setMdwe shmLock shmat shmdt usage validate view watch watchReads write writeForced
            AddressSpaceBuilder: build
            BorrowedSpace: close putUsers
            CachedBacking: pread pwrite
            Checkpoint: close restore restoreRunning save saveSince
            Cpu: claim close enterGuest enterLazy exec handOver switchTo tryUse use
            FutexTable: await
            HostFile: append close denyWrites dirtyRanges fadvise fsync getByte getInt getLong getShort grow
                pread punch putByte putInt putLong putShort pwrite revalidate syncRange truncate
            HostFile.WriteDenial: *
            Machine: awaitQuiescence close newSpace openFile openImage sync
            MemoryFile: addSeals changeMode close punch pwrite truncate
            PageCache: close pwrite remove truncate
            PageTableRef: reap
            Registration: *
            SharedSegment: remove
            SpaceImage: close copy load verify
            ThrowingCalls: brk collectAccessed collectDirty growStack madvise membarrier mlock mlock2 mlockall
                mmap mmapAsync mprotect mremap mremapAsync mseal msync munlock munlockall munmap munmapAsync
                read readForced remapFilePages setAnonymousName setMdwe shmLock shmat shmdt write writeForced
            ## REFUSED_WHERE_IT_WOULD_WAIT
            AddressSpace: resolve
            ## CALLED_BY_THE_LIBRARY
            AccessListener: *
            Backing: *
            CachedBacking: fault
            FlushListener: *
            FrameStore: *
            LayoutListener: *
            MachineBuilder.IdleStrategy: *
            MachineBuilder.StoreMaker: *
            MmuNotifier: *
            PageHooks: *
            Backing.PageRequest: *
            Backing.PageWindow: *
            ProcMaps.Opener: *
            SharedSegment.Attachment: fault
            ShootdownDelivery: *
            VictimScore: *
            VmOperations: *
            WriteListener: *
            """;

    /** Calls whose arguments matter. A call that waits only sometimes is made in a state in which it does not wait. */
    private static final Map<String, BiFunction<GuestScene, Cpu, @Nullable Object>> SPECIAL = Map.ofEntries(
            Map.entry("GuestMemory.fill", (scene, cpu) -> cpu.memory().fill(REPLACED, 8, (byte) 1)),
            Map.entry("BorrowedSpace.putUsers", (scene, cpu) -> borrowsInGuest(scene, BorrowedSpace::putUsers)),
            Map.entry(
                    "BorrowedSpace.close",
                    (scene, cpu) -> borrowsInGuest(scene, borrowed -> {
                        borrowed.close();
                        return borrowed;
                    })),
            Map.entry("AdoptedSpace.leave", (scene, cpu) -> adopts(scene).leave()),
            Map.entry("AdoptedSpace.close", (scene, cpu) -> {
                AdoptedSpace adopted = adopts(scene);
                adopted.close();
                return adopted;
            }),
            Map.entry("Guest.memory", (scene, cpu) -> enters(scene, Guest::memory)),
            Map.entry("Guest.number", (scene, cpu) -> enters(scene, Guest::number)),
            Map.entry(
                    "Guest.poll",
                    (scene, cpu) -> enters(scene, guest -> {
                        guest.poll();
                        return guest;
                    })),
            Map.entry(
                    "Guest.leave",
                    (scene, cpu) -> enters(scene, guest -> {
                        guest.leave();
                        return guest;
                    })),
            Map.entry("Guest.leaveForCalls", (scene, cpu) -> enters(scene, Guest::leaveForCalls)),
            Map.entry("Guest.close", (scene, cpu) -> enters(scene, guest -> guest)),
            Map.entry("AddressSpace.resolve", (scene, cpu) -> scene.space.resolve(CALM, Mman.READ)));

    /** Calls a method of the thread's guest while the thread's other CPU is in GUEST. */
    private static Object enters(GuestScene scene, Function<Guest, Object> call) {
        try (Guest guest = scene.space.enter()) {
            return call.apply(guest);
        }
    }

    /** Calls a method of a borrow whose CPU is also in GUEST. */
    private static Object borrowsInGuest(GuestScene scene, Function<BorrowedSpace, Object> call) {
        try (Cpu other = scene.machine.claimCpu()) {
            BorrowedSpace borrowed = other.use(scene.space, () -> {});
            other.enterGuest();
            try {
                return call.apply(borrowed);
            } finally {
                other.leaveGuest();
            }
        }
    }

    private static AdoptedSpace adopts(GuestScene scene) {
        return scene.claim().use(scene.space, () -> {}).putUsers();
    }

    /** Calls that are refused instead of waiting, made at an address where they would have to wait. */
    private static final Map<String, BiFunction<GuestScene, Cpu, @Nullable Object>> REFUSED =
            Map.of("AddressSpace.resolve", (scene, cpu) -> scene.space.resolve(REPLACED, Mman.READ));

    /** Returns the public classes of the exported packages. */
    public static List<Class<?>> exported() {
        List<Class<?>> exported = new ArrayList<>();
        for (JavaClass each : new ClassFileImporter()
                .importUrl(Machine.class.getProtectionDomain().getCodeSource().getLocation())) {
            if (!each.getPackageName().contains(".internal") && isPublic(each.reflect())) {
                exported.add(each.reflect());
            }
        }
        return exported;
    }

    private static boolean isPublic(Class<?> type) {
        Class<?> around = type.getEnclosingClass();
        return !type.isAnonymousClass()
                && Modifier.isPublic(type.getModifiers())
                && (around == null || isPublic(around));
    }

    private static String nameOf(Class<?> type) {
        Class<?> around = type.getEnclosingClass();
        return around == null ? type.getSimpleName() : nameOf(around) + '.' + type.getSimpleName();
    }

    private static Map<String, List<Method>> methods() {
        Map<String, List<Method>> methods = new TreeMap<>();
        for (Class<?> type : exported()) {
            for (Method method : type.getDeclaredMethods()) {
                if (Modifier.isPublic(method.getModifiers())
                        && !method.isSynthetic()
                        && !OF_EVERY_OBJECT.contains(method.getName())) {
                    methods.computeIfAbsent(nameOf(type) + '.' + method.getName(), key -> new ArrayList<>())
                            .add(method);
                }
            }
        }
        return methods;
    }

    /** Returns the answer of each method of the table, by its name or by that of its class and {@code .*}. */
    private static Map<String, Answer> table() {
        Map<String, Answer> table = new TreeMap<>();
        Answer answer = Answer.NEVER_WAITS;
        for (String line : TABLE.replaceAll("\n +", " ").split("\n", -1)) {
            if (line.startsWith("## ")) {
                answer = Answer.valueOf(line.substring(3));
            } else if (!line.isEmpty()) {
                int colon = line.indexOf(':');
                for (String method : line.substring(colon + 2).split(" ", -1)) {
                    String name = line.substring(0, colon) + '.' + method;
                    assertNull(table.put(name, answer), () -> name + " has two answers");
                }
            }
        }
        return table;
    }

    private static Map<String, Answer> answers() {
        Map<String, Answer> table = table();
        Map<String, Answer> answers = new TreeMap<>();
        Set<String> used = new TreeSet<>();
        for (String name : methods().keySet()) {
            String row = table.containsKey(name) ? name : name.substring(0, name.lastIndexOf('.')) + ".*";
            answers.put(name, table.getOrDefault(row, Answer.NEVER_WAITS));
            used.add(row);
        }
        used.retainAll(table.keySet());
        assertEquals(table.keySet(), used, "each row is of a public method");
        return answers;
    }

    /** Returns the list of the methods with an answer, for the page: types that have no other answer, then methods. */
    private static String list(Answer answer) {
        Map<String, List<String>> types = new TreeMap<>();
        Set<String> others = new TreeSet<>();
        answers().forEach((name, its) -> {
            int dot = name.lastIndexOf('.');
            String type = name.substring(0, dot);
            if (its == answer) {
                types.computeIfAbsent(type, any -> new ArrayList<>()).add(name.substring(dot + 1));
            } else {
                others.add(type);
            }
        });
        List<String> whole = new ArrayList<>(types.keySet());
        whole.removeAll(others);
        StringBuilder list = new StringBuilder();
        if (!whole.isEmpty()) {
            addTo(list, "- All methods of", whole);
        }
        types.forEach((type, names) -> {
            if (others.contains(type)) {
                addTo(list, "- `" + type + "`:", names);
            }
        });
        return list.toString();
    }

    private static void addTo(StringBuilder list, String start, List<String> names) {
        StringBuilder line = new StringBuilder(start);
        for (int i = 0; i < names.size(); i++) {
            String next = "`" + names.get(i) + "`" + (i < names.size() - 1 ? "," : "");
            if (line.length() + 1 + next.length() > COLUMNS) {
                list.append(line).append('\n');
                line.setLength(0);
                line.append(' ');
            }
            line.append(' ').append(next);
        }
        list.append(line).append('\n');
    }

    @Test
    @DisplayName("docs/waiting.md lists the methods of each answer")
    void page() throws IOException {
        String page = Files.readString(PAGE);
        String written = Pattern.compile("(<!-- methods: (\\w+) -->\n).*?(<!-- end of methods -->)", Pattern.DOTALL)
                .matcher(page)
                .replaceAll(block -> block.group(1) + list(Answer.valueOf(block.group(2))) + block.group(3));
        if (Boolean.getBoolean("waiting.write")) {
            Files.writeString(PAGE, written);
        } else {
            assertEquals(written, page, "-Dwaiting.write=true writes the lists");
        }
    }

    @TestFactory
    @DisplayName("called in GUEST while others wait for its CPU")
    List<DynamicTest> calls() {
        Map<String, Answer> answers = answers();
        List<DynamicTest> tests = new ArrayList<>();
        for (Map.Entry<String, List<Method>> entry : methods().entrySet()) {
            String name = entry.getKey();
            Answer answer = Objects.requireNonNull(answers.get(name));
            if (answer == Answer.CALLED_BY_THE_LIBRARY) {
                continue;
            }
            for (Method method : entry.getValue()) {
                int number = number(method);
                Waiting[] ways = Waiting.values();
                for (int i = 0; i < ways.length; i++) {
                    Waiting waiting = ways[i];
                    Executable call = () -> call(name, method, answer, waiting);
                    boolean isInEachBuild = i == number % ways.length;
                    tests.add(DynamicTest.dynamicTest(
                            name + " beside " + waiting, isInEachBuild ? call : inShare(number + i, call)));
                }
            }
        }
        return tests;
    }

    /** Returns a number that stays the same when other methods are added. */
    private static int number(Method method) {
        return Math.floorMod(method.toString().hashCode(), 1 << 20);
    }

    /** Skips a call that is not in this build's share. */
    private static Executable inShare(int step, Executable call) {
        return () -> {
            Assumptions.assumeTrue(SHARE.has(step), "not in this build's share");
            call.execute();
        };
    }

    private static void call(String name, Method method, Answer answer, Waiting waiting) throws Exception {
        try (GuestScene scene = new GuestScene()) {
            WaitingTableSubjects subjects = new WaitingTableSubjects(scene);
            BiFunction<GuestScene, Cpu, @Nullable Object> special = SPECIAL.get(name);
            scene.begin(waiting);
            Throwable thrown = scene.onCpu(cpu -> {
                try {
                    if (special != null) {
                        Object unused = special.apply(scene, cpu);
                    } else {
                        subjects.invoke(method, cpu);
                    }
                    return null;
                } catch (RuntimeException | Error refused) {
                    return refused;
                }
            });
            switch (answer) {
                case NEVER_WAITS -> {
                    assertFalse(isRefused(thrown), () -> name + ": " + thrown);
                    assertTrue(scene.areWaiting() || ACKNOWLEDGES.contains(name), "has left GUEST");
                }
                case LEAVES_GUEST_FIRST -> {
                    assertNull(thrown, () -> name + ": " + thrown);
                    assertTrue(scene.onCpu(GuestScene::isInGuest), "in GUEST again");
                }
                case REFUSED_IN_GUEST -> {
                    assertTrue(isRefused(thrown), () -> name + ": " + thrown);
                    assertTrue(scene.areWaiting(), "has left GUEST");
                }
                case REFUSED_WHERE_IT_WOULD_WAIT -> {
                    assertNull(thrown, () -> name + ": " + thrown);
                    if (waiting == Waiting.RANGES_IN_FLIGHT) {
                        BiFunction<GuestScene, Cpu, @Nullable Object> refused =
                                Objects.requireNonNull(REFUSED.get(name));
                        assertTrue(
                                isRefused(scene.onCpu(cpu -> caught(() -> {
                                    Object unused = refused.apply(scene, cpu);
                                }))),
                                name);
                    }
                    assertTrue(scene.areWaiting(), "has left GUEST");
                }
                case CALLED_BY_THE_LIBRARY -> throw new AssertionError(name);
            }
        }
    }

    @TestFactory
    @DisplayName("called within rcuMapPages, by the thread that faults")
    List<DynamicTest> callsInSection() {
        Map<String, Answer> answers = answers();
        List<DynamicTest> tests = new ArrayList<>();
        for (Map.Entry<String, List<Method>> entry : methods().entrySet()) {
            String name = entry.getKey();
            Answer answer = Objects.requireNonNull(answers.get(name));
            // The calls that take a CPU out of GUEST concern only that CPU, and do not wait.
            boolean isOfACpu = name.startsWith("Cpu.") || name.startsWith("BorrowedSpace.");
            if (answer == Answer.NEVER_WAITS || (answer == Answer.REFUSED_IN_GUEST && !isOfACpu)) {
                for (Method method : entry.getValue()) {
                    tests.add(DynamicTest.dynamicTest(name, () -> callInSection(name, method, answer)));
                }
            }
        }
        return tests;
    }

    private static void callInSection(String name, Method method, Answer answer) {
        try (GuestScene scene = new GuestScene()) {
            WaitingTableSubjects subjects = new WaitingTableSubjects(scene);
            Throwable thrown = scene.inSection(cpu -> caught(() -> subjects.invoke(method, cpu)));
            assertEquals(answer == Answer.REFUSED_IN_GUEST, isRefusedInSection(thrown), () -> name + ": " + thrown);
        }
    }

    private static boolean isRefusedInSection(@Nullable Throwable thrown) {
        return thrown != null && String.valueOf(thrown.getMessage()).contains("must not wait for anything");
    }

    private static @Nullable Throwable caught(Runnable call) {
        try {
            call.run();
            return null;
        } catch (RuntimeException refused) {
            return refused;
        }
    }

    private static boolean isRefused(@Nullable Throwable thrown) {
        return thrown instanceof IllegalStateException
                && String.valueOf(thrown.getMessage()).contains("is in GUEST");
    }
}
