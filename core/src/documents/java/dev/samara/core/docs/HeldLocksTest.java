// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.docs.HeldLocks.Effect;
import dev.samara.testing.Project;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;

/** The JVM releases monitors; all other locks are released by the code that {@link HeldLocks} follows. */
@DisplayName("A method of core that has a lock")
final class HeldLocksTest {
    /** The methods that return while they hold a lock that they acquired; their callers release it. */
    private static final Set<String> TAKING = names("""
            Background.lockAtLast CheckedLock.lock CheckedLock.lockInterruptibly
            CheckedLock$CheckedReadWriteLock.lock CheckedLock$CheckedReadWriteLock.lockShared
            CommittedMemory.lock District.lock Districts.lockBeyond Districts.lockDistrict Districts.lockWhole
            Edit.<init> FilePages.lock HostInode.lockPages Layout.lock LayoutLock.lock PageTable$Leaf.lock Frames.lockNear
            Operation.lockDistrict Operation$RangeWait.lockDistrict Truncation.lock Truncation$InodeLock.lock
            Truncation$InodeLock.lockShared SpinLock.lock
            """);

    /** The methods that may or may not hold a lock when they return, depending on their result. */
    private static final Set<String> MAY_TAKE = names("""
            CheckedLock.tryLock CheckedLock$CheckedReadWriteLock.tryLock
            CheckedLock$CheckedReadWriteLock.tryLockShared Districts.lockPart Districts.lockUndivided LayoutLock.spin
            LayoutLock.tryForAWhile LayoutLock.tryLock Truncation.tryLock Truncation$InodeLock.tryLock
            Truncation$InodeLock.tryLockShared WriteBack.lock
            """);

    /** The methods that release a lock that their caller holds. */
    private static final Set<String> RELEASING = names("""
            CheckedLock$CheckedReadWriteLock.unlock CheckedLock$CheckedReadWriteLock.unlockShared
            District.unlock Edit.close FilePages.unlock HostInode.unlockPages
            Layout.unlock LayoutLock.unlock LayoutLock.unlockAndRecord PageTable$Leaf.unlock Frames.unlockNear
            Truncation.release Truncation$InodeLock.unlock Truncation$InodeLock.unlockShared SpinLock.unlock
            WriteBack.begin
            """);

    /** The methods that temporarily release a lock of their caller, and hold it again when they return. */
    private static final Set<String> RETURNING_IT = names("Background.await Background.lead Rcu.step");

    /** The lock of each object whose own methods acquire and release it, in addition to direct calls of the lock. */
    private static final Map<String, String> OWN = Map.of(
            "Truncation", "inodeLock", "WriteBack", "inodeLock", "Background", "lock", "CommittedMemory", "lock");

    /**
     * The method that violates the rule, with the number of places: {@code present} throws only before the file has
     * pages, and then the lock was not acquired.
     */
    private static final Map<String, Integer> EXCEPTIONS = Map.of("FilePages.unlock", 1);

    /** The methods of core, by the internal name of the class, their name and their descriptor. */
    private final Map<String, MethodNode> all = new HashMap<>();

    private static Set<String> names(String text) {
        return Set.of(text.strip().split("\\s+"));
    }

    private static String simple(String type) {
        return type.substring(type.lastIndexOf('/') + 1);
    }

    private static Effect effectOf(MethodInsnNode call) {
        boolean isLock = call.owner.startsWith("java/util/concurrent/locks/") || call.owner.endsWith("/LayoutLock");
        String method = simple(call.owner) + "." + call.name;
        if ((isLock && List.of("lock", "lockInterruptibly").contains(call.name)) || TAKING.contains(method)) {
            return Effect.TAKES;
        }
        if ((isLock && call.name.equals("tryLock")) || MAY_TAKE.contains(method)) {
            return Effect.MAY_TAKE;
        }
        return (isLock && call.name.equals("unlock")) || RELEASING.contains(method) ? Effect.RELEASES : Effect.NONE;
    }

    /** Returns whether a method is short, only reads fields and makes such calls, and returns the result. */
    private boolean isGetter(MethodInsnNode call) {
        MethodNode method = all.get(call.owner + "." + call.name + call.desc);
        List<AbstractInsnNode> code = new ArrayList<>();
        if (method != null) {
            method.instructions.forEach(code::add);
            code.removeIf(each -> each.getOpcode() < 0);
        }
        return !code.isEmpty() && code.size() <= 4 && code.stream().allMatch(this::isOfGetter);
    }

    private boolean isOfGetter(AbstractInsnNode each) {
        int opcode = each.getOpcode();
        boolean isReturn = opcode >= Opcodes.IRETURN && opcode <= Opcodes.RETURN;
        return isReturn
                || opcode == Opcodes.ALOAD
                || opcode == Opcodes.GETFIELD
                || (each instanceof MethodInsnNode called && isGetter(called));
    }

    private HeldLocks.Methods methodsOf(String type) {
        return new HeldLocks.Methods() {
            @Override
            public Effect effect(MethodInsnNode call) {
                return effectOf(call);
            }

            @Override
            public boolean isSafe(MethodInsnNode call) {
                return isGetter(call);
            }

            @Override
            public String ownLock() {
                return OWN.getOrDefault(type, "this");
            }
        };
    }

    @Test
    @DisplayName("releases it whatever fails, and returns with it only if it is declared to")
    void releases() throws IOException {
        for (Path file : Project.files(Project.module("core").resolve("target/classes"), ".class")) {
            ClassNode type = new ClassNode();
            new ClassReader(Files.readAllBytes(file)).accept(type, ClassReader.SKIP_FRAMES);
            type.methods.forEach(method -> all.put(type.name + "." + method.name + method.desc, method));
        }
        Set<String> found = new TreeSet<>();
        Map<String, Integer> excepted = new HashMap<>();
        all.forEach((key, method) -> {
            String type = simple(key.substring(0, key.indexOf('.')));
            String name = type + "." + method.name;
            boolean returnsIt = RETURNING_IT.contains(name);
            HeldLocks locks = new HeldLocks(method, methodsOf(type));
            Set<String> failing = locks.find(returnsIt || RELEASING.contains(name));
            if (EXCEPTIONS.containsKey(name) && !failing.isEmpty()) {
                excepted.put(name, failing.size());
            } else if (!returnsIt) {
                failing.forEach(each -> found.add(name + ", " + each));
            }
            if (!returnsIt && !locks.returned().isEmpty() && !TAKING.contains(name) && !MAY_TAKE.contains(name)) {
                found.add(name + " returns with " + locks.returned());
            }
        });
        assertEquals(Set.of(), found);
        assertEquals(EXCEPTIONS, excepted);
        assertTrue(all.size() > 3000, "read: " + all.size());
    }
}
