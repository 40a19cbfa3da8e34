// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static dev.samara.core.fixture.GuestScene.CALM;
import static dev.samara.core.fixture.GuestScene.REPLACED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AdoptedSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.fixture.GuestScene;
import dev.samara.core.fixture.GuestScene.Waiting;
import dev.samara.core.mman.Protection;
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
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.Executable;

/** Compares docs/waiting.md with the exported classes, and each row with the call's behaviour in GUEST. */
@DisplayName("I9: docs/waiting.md says of each public method whether it waits, and it does as it says")
public class WaitingTableTest {
    private static final Path BASE = Path.of(System.getProperty("basedir", ""));

    private static final Share SHARE = Share.of("calls in GUEST", 16);

    private static final String CORE = "dev.samara.core";

    private static final List<String> EXPORTED = List.of(
            CORE,
            CORE + ".annotation",
            CORE + ".backing",
            CORE + ".event",
            CORE + ".guest",
            CORE + ".mman",
            CORE + ".vma");

    private static final Set<String> OF_EVERY_OBJECT = Set.of("toString", "equals", "hashCode", "values", "valueOf");

    private static final Pattern ROW = Pattern.compile("(?m)^- `([\\w.]+)`:((?:\\s+`\\w+`,?)+)");

    /** The calls that acknowledge requests of other threads. */
    private static final Set<String> ACKNOWLEDGES = Set.of("Cpu.poll", "Cpu.leaveGuest", "FlatAccess.poll");

    private enum Answer {
        NEVER_WAITS,
        LEAVES_GUEST_FIRST,
        REFUSED_IN_GUEST,
        REFUSED_WHERE_IT_WOULD_WAIT,
        CALLED_BY_THE_LIBRARY;

        String heading() {
            String words =
                    name().toLowerCase(java.util.Locale.ROOT).replace('_', ' ').replace("guest", "GUEST");
            return "## " + Character.toUpperCase(words.charAt(0)) + words.substring(1) + "\n";
        }
    }

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
            Map.entry("AddressSpace.resolve", (scene, cpu) -> scene.space.resolve(CALM, Protection.READ)));

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
            Map.of("AddressSpace.resolve", (scene, cpu) -> scene.space.resolve(REPLACED, Protection.READ));

    public static List<Class<?>> exported() throws IOException, ClassNotFoundException {
        String file = "/" + Machine.class.getName().replace('.', '/') + ".class";
        String url = Objects.requireNonNull(Machine.class.getResource(file)).toString();
        Path classes = Path.of(java.net.URI.create(url.substring(0, url.length() - file.length())));
        List<Class<?>> exported = new ArrayList<>();
        for (String folder : EXPORTED) {
            try (Stream<Path> files = Files.list(classes.resolve(folder.replace('.', '/')))) {
                for (Path one : files.sorted().toList()) {
                    String name = one.getFileName().toString().replace(".class", "");
                    if (one.toString().endsWith(".class") && !name.endsWith("-info")) {
                        Class<?> type = Class.forName(folder + '.' + name, false, Machine.class.getClassLoader());
                        if (isPublic(type)) {
                            exported.add(type);
                        }
                    }
                }
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

    private static Map<String, List<Method>> methods() throws IOException, ClassNotFoundException {
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

    private static Map<String, Answer> rows() throws IOException {
        String page = Files.readString(BASE.resolve("../docs/waiting.md"));
        Map<String, Answer> rows = new TreeMap<>();
        for (Answer answer : Answer.values()) {
            int start = page.indexOf(answer.heading());
            assertTrue(start >= 0, answer.heading());
            int next = page.indexOf("\n## ", start + 1);
            Matcher row = ROW.matcher(page.substring(start, next < 0 ? page.length() : next));
            while (row.find()) {
                for (String method : row.group(2).replaceAll("[`\\s]", "").split(",", -1)) {
                    String name = row.group(1) + '.' + method;
                    assertNull(rows.put(name, answer), () -> name + " has two answers");
                }
            }
        }
        return rows;
    }

    /** The number of calls listed so far. */
    private int steps;

    @Test
    @DisplayName("each public method of an exported class has one row, and each row is such a method")
    void isComplete() throws Exception {
        Set<String> methods = new TreeSet<>(methods().keySet());
        Set<String> rows = new TreeSet<>(rows().keySet());
        assertTrue(methods.contains("AddressSpace.mmap") && methods.contains("MachineBuilder.build"));
        Set<String> missing = new TreeSet<>(methods);
        missing.removeAll(rows);
        assertEquals(Set.of(), missing, "without a row in docs/waiting.md");
        rows.removeAll(methods);
        assertEquals(Set.of(), rows, "rows without a method");
    }

    @TestFactory
    @DisplayName("called in GUEST while others wait for its CPU")
    List<DynamicTest> calls() throws Exception {
        Map<String, Answer> rows = rows();
        List<DynamicTest> tests = new ArrayList<>();
        for (Map.Entry<String, List<Method>> entry : methods().entrySet()) {
            String name = entry.getKey();
            Answer answer = rows.get(name);
            if (answer == null || answer == Answer.CALLED_BY_THE_LIBRARY) {
                continue;
            }
            for (Waiting waiting : Waiting.values()) {
                for (Method method : entry.getValue()) {
                    tests.add(DynamicTest.dynamicTest(
                            name + " beside " + waiting, inShare(() -> call(name, method, answer, waiting))));
                }
            }
        }
        return tests;
    }

    /** Skips a call that is not in this build's share. The next call is the next step. */
    private Executable inShare(Executable call) {
        int step = steps++;
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
    List<DynamicTest> callsInSection() throws Exception {
        Map<String, Answer> rows = rows();
        List<DynamicTest> tests = new ArrayList<>();
        for (Map.Entry<String, List<Method>> entry : methods().entrySet()) {
            String name = entry.getKey();
            Answer answer = rows.get(name);
            // The calls that take a CPU out of GUEST concern only that CPU, and do not wait.
            boolean isOfACpu = name.startsWith("Cpu.") || name.startsWith("BorrowedSpace.");
            if (answer == Answer.NEVER_WAITS || (answer == Answer.REFUSED_IN_GUEST && !isOfACpu)) {
                for (Method method : entry.getValue()) {
                    tests.add(DynamicTest.dynamicTest(name, inShare(() -> callInSection(name, method, answer))));
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
