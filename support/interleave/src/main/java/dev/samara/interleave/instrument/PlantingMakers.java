// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Finds the code that creates mutants, in class files. The initialization of a class creates a mutant if the call is in
 * the initializer, or in a private static method that only the initializer calls. Any other call is late, because it
 * may be in a test that does not run.
 */
final class PlantingMakers {
    private static final String INITIALIZER = "<clinit>";
    private static final Set<String> FACTORIES =
            Set.of(Type.getInternalName(SourceMutant.class), Type.getInternalName(Plantings.class));
    private static final Set<Type> MADE = Set.of(Type.getType(SourceMutant.class), Type.getType(Planting.class));
    private static final String OWN = Type.getInternalName(Plantings.class).replaceAll("[^/]*$", "");

    /** A method, identified by its class, name and descriptor. */
    private record Method(String owner, String name, String descriptor) {
        boolean isFactory() {
            return FACTORIES.contains(owner)
                    && MADE.contains(Type.getReturnType(descriptor))
                    && !name.equals("unlisted");
        }

        @Override
        public String toString() {
            return owner.replace('/', '.') + '.' + name;
        }
    }

    private final Set<Method> privateStatic = new HashSet<>();
    private final Map<Method, Set<Method>> callers = new HashMap<>();
    /** For each method, the methods that contain a reference to it, through which it may be called at any time. */
    private final Map<Method, Set<Method>> referrers = new HashMap<>();

    private final Set<String> initializers = new TreeSet<>();
    private final Set<String> late = new TreeSet<>();

    /** Reads the class files below a directory. */
    PlantingMakers(Path directory) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.walk(directory)) {
            files = all.filter(file -> file.toString().endsWith(".class")).toList();
        }
        for (Path file : files) {
            new ClassReader(Files.readAllBytes(file)).accept(reader(), ClassReader.SKIP_DEBUG);
        }
        Set<Method> factories = new HashSet<>(callers.keySet());
        factories.addAll(referrers.keySet());
        factories.removeIf(method -> !method.isFactory());
        Set<Method> seen = new HashSet<>();
        factories.forEach(factory -> follow(factory, seen));
    }

    /** Follows the calls from a method that creates a mutant to its callers. */
    private void follow(Method maker, Set<Method> seen) {
        referrers.getOrDefault(maker, Set.of()).forEach(referrer -> late.add(referrer.toString()));
        for (Method caller : callers.getOrDefault(maker, Set.of())) {
            if (caller.name().equals(INITIALIZER)) {
                initializers.add(caller.owner().replace('/', '.'));
            } else if (!privateStatic.contains(caller)) {
                late.add(caller.toString());
            } else if (seen.add(caller)) {
                follow(caller, seen);
            }
        }
    }

    /** Returns the names of the classes whose initialization creates mutants. */
    Set<String> initializers() {
        return initializers;
    }

    /** Returns the names of the methods that create mutants at another time. */
    List<String> late() {
        return new ArrayList<>(late);
    }

    private ClassVisitor reader() {
        return new ClassVisitor(Opcodes.ASM9) {
            private String owner = "";

            @Override
            public void visit(
                    int version,
                    int access,
                    String name,
                    @Nullable String signature,
                    @Nullable String superName,
                    String @Nullable [] interfaces) {
                owner = name;
            }

            @Override
            public @Nullable MethodVisitor visitMethod(
                    int access,
                    String name,
                    String descriptor,
                    @Nullable String signature,
                    String @Nullable [] exceptions) {
                Method method = new Method(owner, name, descriptor);
                int wanted = Opcodes.ACC_PRIVATE | Opcodes.ACC_STATIC;
                if ((access & wanted) == wanted) {
                    privateStatic.add(method);
                }
                // Calls between the factories are ignored.
                return owner.startsWith(OWN) && FACTORIES.contains(owner) ? null : calls(method);
            }
        };
    }

    private MethodVisitor calls(Method caller) {
        return new MethodVisitor(Opcodes.ASM9) {
            @Override
            public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
                add(callers, new Method(owner, name, descriptor));
            }

            @Override
            public void visitInvokeDynamicInsn(String name, String descriptor, Handle bootstrap, Object... arguments) {
                for (Object argument : arguments) {
                    if (argument instanceof Handle handle) {
                        add(referrers, new Method(handle.getOwner(), handle.getName(), handle.getDesc()));
                    }
                }
            }

            private void add(Map<Method, Set<Method>> to, Method called) {
                to.computeIfAbsent(called, any -> new HashSet<>()).add(caller);
            }
        };
    }
}
