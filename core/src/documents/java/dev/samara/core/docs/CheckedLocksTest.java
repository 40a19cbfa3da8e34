// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * Checks that code verifies that enough stack is left before it acquires a lock of {@code java.util.concurrent}. If the
 * method that acquires the lock overflows the stack, the lock is acquired first, and the error is thrown afterwards
 * (JEP 270).
 *
 * <p>Locks that consist of a word, e.g. those of leaves, magazines and committed memory, need no such check: their last
 * call is the exchange that acquires the lock, and a failure of this call has no effect.
 */
@DisplayName("A lock of java.util.concurrent in core")
final class CheckedLocksTest {
    private static final String CORE = "dev/samara/core/";

    /** The only classes that use locks of the JDK; they check the stack. */
    private static final Set<String> KINDS = Set.of(
            "dev/samara/core/internal/space/LayoutLock",
            "dev/samara/core/internal/sync/CheckedLock",
            "dev/samara/core/internal/sync/CheckedReadWriteLock");

    /** The methods of a class that acquire a lock of the JDK, and whether each of them checks first. */
    private final Map<String, Boolean> checks = new TreeMap<>();

    /** The violations. */
    private final Set<String> found = new TreeSet<>();

    /** The methods of locks that each package calls. */
    private final Map<String, Set<String>> called = new TreeMap<>();

    private static boolean isOfJdk(String type) {
        return type.startsWith("java/util/concurrent/locks/") || type.equals("java/util/concurrent/Semaphore");
    }

    private static boolean takes(String owner, String method) {
        return isOfJdk(owner)
                && !owner.endsWith("/Condition")
                && (method.startsWith("lock") || method.startsWith("tryLock") || method.contains("cquire"));
    }

    private void read(Path file) {
        ClassReader reader;
        try {
            reader = new ClassReader(Files.readAllBytes(file));
        } catch (IOException unreadable) {
            throw new AssertionError(file.toString(), unreadable);
        }
        String name = reader.getClassName();
        if (!KINDS.contains(name) && reader.getSuperName() != null && isOfJdk(reader.getSuperName())) {
            found.add(name + " extends " + reader.getSuperName());
        }
        reader.accept(
                new ClassVisitor(Opcodes.ASM9) {
                    @Override
                    public MethodVisitor visitMethod(
                            int access,
                            String method,
                            String type,
                            @Nullable String generic,
                            String @Nullable [] thrown) {
                        return new Calls(name, method);
                    }
                },
                ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
    }

    private final class Calls extends MethodVisitor {
        private final String type;
        private final String method;
        private boolean hasChecked;

        Calls(String type, String method) {
            super(Opcodes.ASM9);
            this.type = type;
            this.method = method;
        }

        private void makes(String made) {
            if (isOfJdk(made) && !KINDS.contains(type)) {
                found.add(type + "." + method + " makes " + made);
            }
        }

        @Override
        public void visitTypeInsn(int opcode, String made) {
            if (opcode == Opcodes.NEW) {
                makes(made);
            }
        }

        @Override
        public void visitInvokeDynamicInsn(String name, String descriptor, Handle bootstrap, Object... arguments) {
            for (Object argument : arguments) {
                if (argument instanceof Handle handle && handle.getTag() == Opcodes.H_NEWINVOKESPECIAL) {
                    makes(handle.getOwner());
                }
            }
        }

        @Override
        public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
            if (owner.endsWith("/StackReserve")) {
                hasChecked = true;
            } else if (KINDS.contains(type) && takes(owner, name)) {
                checks.merge(type + "." + method, hasChecked, Boolean::logicalAnd);
            } else if (takes(owner, name)) {
                called.computeIfAbsent(type.substring(0, type.lastIndexOf('/')), any -> new TreeSet<>())
                        .add(name + descriptor);
            }
        }
    }

    private static Path classes(String folder) {
        return Path.of(System.getProperty("basedir", ""), "target", folder);
    }

    @Test
    @DisplayName("is one that is taken only where there is enough stack for it")
    void checked() throws IOException {
        try (Stream<Path> files = Files.walk(classes("classes"))) {
            files.filter(file -> file.toString().endsWith(".class")).forEach(this::read);
        }
        assertEquals(Set.of(), found);
        // These two continue what {@code lock} started.
        assertEquals(
                Set.of(
                        "dev/samara/core/internal/space/LayoutLock.await",
                        "dev/samara/core/internal/space/LayoutLock.tryForAWhile"),
                unchecked());
        for (Map.Entry<String, Set<String>> each : called.entrySet()) {
            // If a kind did not declare the method, the JDK's method would be called, which does not check.
            String kind = each.getKey().endsWith("/space") ? "LayoutLock" : "CheckedLock";
            for (String method : each.getValue()) {
                String simple = method.substring(0, method.indexOf('('));
                assertTrue(
                        checks.keySet().stream().anyMatch(any -> any.endsWith("/" + kind + "." + simple))
                                || (kind.equals("LayoutLock") && simple.equals("lock")),
                        each.getKey() + " calls " + method + ", which " + kind + " does not check");
            }
        }
        assertTrue(called.containsKey(CORE + "internal/file"), called::toString);
    }

    private Set<String> unchecked() {
        Set<String> unchecked = new TreeSet<>();
        checks.forEach((method, hasChecked) -> {
            if (!hasChecked) {
                unchecked.add(method);
            }
        });
        return unchecked;
    }

    /** Locks that are acquired without a check. */
    @SuppressWarnings("UnusedVariable")
    private static final class Examples extends ReentrantLock {
        private static final long serialVersionUID = 1;

        private final Semaphore made = new Semaphore(1);
        private final transient Supplier<ReentrantLock> maker = ReentrantLock::new;
    }

    @Test
    @DisplayName("would be found if it were not")
    void examples() {
        read(classes("test-classes").resolve(Examples.class.getName().replace('.', '/') + ".class"));
        assertEquals(3, found.size(), found::toString);
    }
}
