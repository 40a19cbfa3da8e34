// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.Machine;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Checks the list of locks. The test reads class files, which contain each monitor and each lock of the JDK regardless
 * of how the source expresses it.
 */
final class LockListTest {
    private static final Path BASE = Path.of(System.getProperty("basedir", ""));
    private static final Pattern NAME = Pattern.compile("`(?:\\w+\\.)?([A-Z]\\w+)(?:\\.\\w+)?`");

    /** The kinds of locks. Locks of these kinds belong to the classes that create them. */
    private static final Set<String> KINDS = Set.of("CheckedLock", "CheckedReadWriteLock");

    /** The names of the top-level classes that contain locks. */
    private final Set<String> locking = new TreeSet<>();

    private void read(Path file) {
        ClassReader reader;
        try {
            reader = new ClassReader(Files.readAllBytes(file));
        } catch (IOException unreadable) {
            throw new AssertionError(file.toString(), unreadable);
        }
        String name = reader.getClassName().replaceAll(".*/|\\$.*", "");
        if (reader.getSuperName().endsWith("/ReentrantLock") && !KINDS.contains(name)) {
            locking.add(name);
        }
        reader.accept(
                new ClassVisitor(Opcodes.ASM9) {
                    @Override
                    public MethodVisitor visitMethod(
                            int access, String method, String type, String generic, String[] thrown) {
                        if ((access & Opcodes.ACC_SYNCHRONIZED) != 0) {
                            locking.add(name);
                        }
                        return new MethodVisitor(Opcodes.ASM9) {
                            @Override
                            public void visitInsn(int opcode) {
                                if (opcode == Opcodes.MONITORENTER) {
                                    locking.add(name);
                                }
                            }

                            @Override
                            public void visitTypeInsn(int opcode, String made) {
                                String simple = made.substring(made.lastIndexOf('/') + 1);
                                if (opcode == Opcodes.NEW
                                        && (simple.equals("ReentrantLock") || KINDS.contains(simple))) {
                                    locking.add(name);
                                }
                            }

                            @Override
                            public void visitMethodInsn(
                                    int opcode, String owner, String called, String of, boolean isInterface) {
                                if (owner.equals(Type.getInternalName(java.util.Collections.class))
                                        && called.startsWith("synchronized")) {
                                    locking.add(name);
                                }
                            }
                        };
                    }
                },
                ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
    }

    private static Set<String> listed() throws IOException {
        String page = Files.readString(BASE.resolve("../docs/locks.md"));
        int from = page.indexOf("### The list, from the outermost to the innermost");
        Set<String> listed = new TreeSet<>();
        Matcher name = NAME.matcher(page.substring(from, page.indexOf("### Held, but no lock", from)));
        while (name.find()) {
            listed.add(name.group(1));
        }
        return listed;
    }

    @Test
    @DisplayName("each class that has a monitor or a lock is in the list of locks")
    void listedLocks() throws IOException {
        Path classes = Path.of(URI.create(Machine.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toString()));
        try (Stream<Path> files = Files.walk(classes)) {
            files.filter(file -> file.toString().endsWith(".class")).forEach(file -> {
                if (!file.endsWith("module-info.class")) {
                    read(file);
                }
            });
        }
        Set<String> missing = new TreeSet<>(locking);
        missing.removeAll(listed());
        assertEquals(Set.of(), missing);
        assertEquals(Set.of("Borrowers", "Cpus", "LayoutLock"), retained("Borrowers", "Cpus", "LayoutLock", "Gate"));
    }

    private Set<String> retained(String... names) {
        Set<String> retained = new TreeSet<>(Set.of(names));
        retained.retainAll(locking);
        return retained;
    }
}
