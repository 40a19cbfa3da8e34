// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.docs.HeldLocks.Effect;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Checks that a lock is released after any failure: nothing that may fail is between the call that acquires the lock
 * and the {@code try} block whose handler releases it, or between the end of that block and the call that releases the
 * lock. The JVM releases monitors.
 */
@DisplayName("A method of core that has a lock")
final class HeldLocksTest {
    private static final String CORE = "dev/samara/core/";

    /** The methods that return while they hold a lock that they acquired; their callers release it. */
    private static final Set<String> TAKING = Set.of(
            "internal/file/FilePages.lock",
            "internal/file/Removals.lock",
            "internal/hostfile/InodeState.lockAll",
            "internal/hostfile/InodeState.lockWriteBackAndReads",
            "internal/memory/CommittedMemory.lock",
            "internal/op/Edit.<init>",
            "internal/op/EditedLayout.<init>",
            "internal/op/EditedLayout.completing",
            "internal/op/OperationState.lockDistrict",
            "internal/op/RangeWait.lockDistrict",
            "internal/page/Leaf.lock",
            "internal/page/Magazine.lock",
            "internal/page/NearMagazines.lockAll",
            "internal/space/District.lock",
            "internal/space/Districts.lockBeyond",
            "internal/space/Districts.lockDistrict",
            "internal/space/Districts.lockWhole",
            "internal/space/Layout.lock",
            "internal/space/Layout.lockBeyond",
            "internal/space/Layout.lockDistrict",
            "internal/space/Layout.lockWhole",
            "internal/space/LayoutLock.lock",
            "internal/sync/Background.lockAtLast",
            "internal/sync/CheckedLock.lock",
            "internal/sync/CheckedLock.lockInterruptibly",
            "internal/sync/CheckedReadWriteLock.lock",
            "internal/sync/CheckedReadWriteLock.lockShared",
            "internal/sync/SpinLock.lock");

    /** The methods that may or may not hold a lock when they return, depending on their result. */
    private static final Set<String> MAY_TAKE = Set.of(
            "internal/file/Removals.tryLock",
            "internal/file/WriteBack.lock",
            "internal/space/Districts.lockPart",
            "internal/space/Districts.lockUndivided",
            "internal/space/LayoutLock.spin",
            "internal/space/LayoutLock.tryForAWhile",
            "internal/space/LayoutLock.tryLock",
            "internal/sync/CheckedLock.tryLock");

    /** The methods that release a lock that their caller holds. */
    private static final Set<String> RELEASING = Set.of(
            "internal/file/FilePages.unlock",
            "internal/file/Removals.release",
            "internal/file/Removals.unlock",
            "internal/file/WriteBack.begin",
            "internal/hostfile/InodeState.unlockAll",
            "internal/memory/CommittedMemory.unlock",
            "internal/op/Edit.close",
            "internal/op/EditedLayout.close",
            "internal/page/Leaf.unlock",
            "internal/page/Magazine.unlock",
            "internal/page/NearMagazines.unlockAll",
            "internal/space/District.unlock",
            "internal/space/Layout.unlock",
            "internal/space/LayoutLock.unlock",
            "internal/space/LayoutLock.unlockAndRecord",
            "internal/sync/CheckedReadWriteLock.unlock",
            "internal/sync/CheckedReadWriteLock.unlockShared",
            "internal/sync/SpinLock.unlock");

    /** The lock of each object whose own methods acquire and release it, in addition to direct calls of the lock. */
    private static final Map<String, String> OWN = Map.of(
            "internal/file/Removals",
            "inodeLock",
            "internal/file/WriteBack",
            "removals",
            "internal/sync/Background",
            "lock");

    /** The methods that temporarily release a lock of their caller, and hold it again when they return. */
    private static final Set<String> RETURNING_IT =
            Set.of("internal/sync/Background.await", "internal/sync/Background.lead", "internal/sync/Backlog.step");

    /**
     * The method that violates the rule, with the number of places: {@code present} throws only before the file has
     * pages, and then the lock was not acquired.
     */
    private static final Map<String, Integer> EXCEPTIONS = Map.of("internal/file/FilePages.unlock", 1);

    private static final Map<String, InstructionList> METHODS = new HashMap<>();

    private static final HeldLocks.Methods KNOWN = new HeldLocks.Methods() {
        @Override
        public @Nullable Effect effect(String owner, String name, String descriptor) {
            boolean isLock = owner.startsWith("java/util/concurrent/locks/") || owner.endsWith("/LayoutLock");
            String method = shortened(owner) + "." + name;
            if ((isLock && (name.equals("lock") || name.equals("lockInterruptibly"))) || TAKING.contains(method)) {
                return Effect.TAKES;
            }
            if ((isLock && name.equals("tryLock")) || MAY_TAKE.contains(method)) {
                return Effect.MAY_TAKE;
            }
            return (isLock && name.equals("unlock")) || RELEASING.contains(method) ? Effect.RELEASES : null;
        }

        @Override
        public boolean isSafe(String owner, String name, String descriptor) {
            InstructionList method = METHODS.get(owner + "." + name + descriptor);
            return method != null && method.returnsField(call -> isSafe(call.owner, call.nameOf(), call.descriptor));
        }

        @Override
        public String lockOf(String owner) {
            return OWN.getOrDefault(shortened(owner), "this");
        }
    };

    private static String shortened(String name) {
        return name.startsWith(CORE) ? name.substring(CORE.length()) : name;
    }

    @BeforeAll
    static void readCore() throws IOException {
        Path classes = Path.of(System.getProperty("basedir", ""), "target", "classes");
        try (Stream<Path> files = Files.walk(classes)) {
            for (Path file :
                    files.filter(each -> each.toString().endsWith(".class")).toList()) {
                read(Files.readAllBytes(file), METHODS);
            }
        }
    }

    private static void read(byte[] file, Map<String, InstructionList> methods) {
        ClassReader reader = new ClassReader(file);
        reader.accept(
                new ClassVisitor(Opcodes.ASM9) {
                    @Override
                    public MethodVisitor visitMethod(
                            int access,
                            String name,
                            String descriptor,
                            @Nullable String signature,
                            String @Nullable [] exceptions) {
                        InstructionList made = new InstructionList(
                                reader.getClassName() + "." + name, (access & Opcodes.ACC_STATIC) != 0);
                        methods.put(reader.getClassName() + "." + name + descriptor, made);
                        return made;
                    }
                },
                ClassReader.SKIP_FRAMES);
    }

    @Test
    @DisplayName("releases it whatever fails, and returns with it only if it is declared to")
    void releases() {
        Set<String> found = new TreeSet<>();
        Map<String, Integer> excepted = new HashMap<>();
        for (InstructionList method : METHODS.values()) {
            String name = shortened(method.method);
            HeldLocks locks = new HeldLocks(method, KNOWN, RELEASING.contains(name) || RETURNING_IT.contains(name));
            Set<String> failing = RETURNING_IT.contains(name) ? Set.of() : locks.find();
            if (EXCEPTIONS.containsKey(name) && !failing.isEmpty()) {
                excepted.put(name, failing.size());
            } else {
                failing.forEach(each -> found.add(name + ", " + each));
            }
            if (!locks.returned().isEmpty() && !TAKING.contains(name) && !MAY_TAKE.contains(name)) {
                found.add(name + " returns with " + locks.returned());
            }
        }
        assertEquals(Set.of(), found);
        assertEquals(EXCEPTIONS, excepted);
        assertTrue(METHODS.size() > 3000, "read: " + METHODS.size());
    }

    /** Methods that violate the rule, and one that does not. */
    @SuppressWarnings({"UnusedMethod", "LockNotBeforeTry", "LockOnNonEnclosingClassLiteral"})
    private static final class Examples {
        private final ReentrantLock lock = new ReentrantLock();
        private int count;

        void step() {
            count++;
        }

        void failsBefore() {
            lock.lock();
            step();
            try {
                step();
            } finally {
                lock.unlock();
            }
        }

        void failsAfter() {
            lock.lock();
            try {
                step();
            } finally {
                step();
                lock.unlock();
            }
        }

        void hasNoTry() {
            lock.lock();
            step();
            lock.unlock();
        }

        int[] allocates() {
            lock.lock();
            int[] made = new int[1];
            lock.unlock();
            return made;
        }

        void failsInOther(ReentrantLock other) {
            lock.lock();
            try {
                other.lock();
                step();
                try {
                    step();
                } finally {
                    other.unlock();
                }
            } finally {
                lock.unlock();
            }
        }

        void failsAfterTry() {
            if (lock.tryLock()) {
                step();
                lock.unlock();
            }
        }

        void returns() {
            lock.lock();
        }

        int holds(boolean isTried) {
            if (isTried && !lock.tryLock()) {
                step();
                return 0;
            }
            if (!isTried) {
                lock.lock();
            }
            try {
                step();
                return count;
            } finally {
                try {
                    step();
                } finally {
                    lock.unlock();
                }
            }
        }
    }

    @Test
    @DisplayName("would be found if it did not")
    void examples() throws IOException {
        Path file = Path.of(
                System.getProperty("basedir", ""),
                "target",
                "test-classes",
                Examples.class.getName().replace('.', '/') + ".class");
        Map<String, InstructionList> methods = new HashMap<>();
        read(Files.readAllBytes(file), methods);
        Set<String> found = new TreeSet<>();
        for (InstructionList method : methods.values()) {
            HeldLocks locks = new HeldLocks(method, KNOWN, false);
            if (!locks.find().isEmpty() || !locks.returned().isEmpty()) {
                found.add(method.method.substring(method.method.indexOf('.') + 1));
            }
        }
        assertEquals(
                new TreeSet<>(List.of(
                        "allocates",
                        "failsAfter",
                        "failsAfterTry",
                        "failsBefore",
                        "failsInOther",
                        "hasNoTry",
                        "returns")),
                found);
    }
}
