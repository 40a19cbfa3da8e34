// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleName;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Checks that packages depend in one direction: a row imports only rows above it. */
final class ArchitectureTest {
    /** The packages, from the one that depends on nothing to the facade, on which nothing depends. */
    private static final List<String> ROWS = List.of(
            "dev.samara.core.annotation",
            "dev.samara.core.mman",
            "dev.samara.core.vma",
            "dev.samara.core.event",
            "dev.samara.core.internal.trace",
            "dev.samara.core.internal.sync",
            "dev.samara.core.internal.vma",
            "dev.samara.core.internal.check",
            "dev.samara.core.internal.cpu",
            "dev.samara.core.internal.page",
            "dev.samara.core.internal.memory",
            "dev.samara.core.internal.tlb",
            "dev.samara.core.internal.pagewalk",
            "dev.samara.core.internal.file",
            "dev.samara.core.backing",
            "dev.samara.core.internal.hostfile",
            "dev.samara.core.internal.image",
            "dev.samara.core.internal.space",
            "dev.samara.core.internal.op",
            "dev.samara.core.internal.fault",
            "dev.samara.core.internal.syscall",
            "dev.samara.core.guest",
            "dev.samara.core.internal.guest",
            "dev.samara.core.internal.vcpu",
            "dev.samara.core");

    private static final JavaClasses CORE =
            new ClassFileImporter().importPath(Path.of(System.getProperty("basedir", ""), "target", "classes"));

    /** Returns the dependencies of a row's classes on classes of rows below it, as {@code Origin -> Target}. */
    private static Set<String> downwards(String row) {
        List<String> below = ROWS.subList(ROWS.indexOf(row) + 1, ROWS.size());
        Set<String> found = new TreeSet<>();
        for (JavaClass origin : CORE) {
            if (origin.getPackageName().equals(row)) {
                for (Dependency dependency : origin.getDirectDependenciesFromSelf()) {
                    JavaClass target = dependency.getTargetClass().getBaseComponentType();
                    if (below.contains(target.getPackageName())) {
                        found.add(outermost(origin) + " -> " + outermost(target));
                    }
                }
            }
        }
        return found;
    }

    private static String outermost(JavaClass type) {
        return type.getEnclosingClass().map(ArchitectureTest::outermost).orElse(type.getSimpleName());
    }

    @Test
    @DisplayName("a row imports only rows above it")
    void rowsImportUpwards() {
        Set<String> found = new TreeSet<>();
        ROWS.forEach(row -> found.addAll(downwards(row)));
        assertEquals(Set.of(), found);
    }

    /**
     * Permitted subclasses in a lower row are not dependencies in the class file of a sealed class, so this test checks
     * them separately.
     */
    @Test
    @DisplayName("a sealed class permits a class below its row only where users read what the library implements")
    void permitsClauses() {
        Set<String> found = new TreeSet<>();
        for (JavaClass origin : CORE) {
            int row = ROWS.indexOf(origin.getPackageName());
            for (JavaClass permitted : origin.getPermittedSubclasses().orElse(Set.of())) {
                if (ROWS.indexOf(permitted.getPackageName()) > row) {
                    found.add(outermost(origin) + " -> " + outermost(permitted));
                }
            }
        }
        assertEquals(
                Set.of(
                        "FutexTable -> FutexBuckets",
                        "FutexWaiter -> FutexBuckets",
                        "GuestMemory -> CpuMemory",
                        "HostFile -> OpenHostFile",
                        "PageCache -> FilePages",
                        "PageRun -> GuestRun",
                        "PageView -> ViewedPage",
                        "PinnedFrame -> FramePin",
                        "SegmentLocks -> LockedSegments",
                        "Vma -> VmArea"),
                found);
    }

    @Test
    @DisplayName("every class lives in a row: a new package is given its place here first")
    void everyClassLivesInARow() {
        classes().should().resideInAnyPackage(ROWS.toArray(String[]::new)).check(CORE);
    }

    @Test
    @DisplayName("core depends on the JDK, on maple's API, on queues of JCTools that use no Unsafe")
    void coreDependsOnLittle() {
        classes()
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "java..",
                        "javax.management..",
                        "jdk.jfr..",
                        "dev.samara.maple",
                        "dev.samara.core..",
                        "org.jctools.queues.varhandle",
                        "org.jspecify..",
                        "com.google.errorprone.annotations.concurrent")
                .check(CORE);
    }

    @Test
    @DisplayName("core touches no internals of the JDK")
    void coreTouchesNoJdkInternals() {
        noClasses()
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage("sun..", "jdk..", "com.sun..").and(not(resideInAPackage("jdk.jfr.."))))
                .check(CORE);
    }

    @Test
    @DisplayName("a class that uses the flight recorder, or a server of MBeans, is reached only where there is one")
    void optionalModules() {
        noClasses()
                .that(not(resideInAPackage("dev.samara.core.internal.trace")))
                .should()
                .dependOnClassesThat(resideInAPackage("jdk.jfr.."))
                .check(CORE);
        noClasses()
                .that(not(simpleName("MachineBean")))
                .should()
                .dependOnClassesThat(resideInAPackage("javax.management.."))
                .check(CORE);
    }

    /**
     * If a method that acquires such a lock overflows the stack, the lock is acquired first, and the error is thrown
     * afterwards (JEP 270). The three classes first check that enough stack is left. Locks that consist of a word need
     * no such check: their last call is the exchange that acquires the lock.
     */
    @Test
    @DisplayName("a lock of java.util.concurrent is made only by the classes that check the stack before they lock")
    void locksCheckTheStack() {
        noClasses()
                .that(not(simpleName("CheckedLock")))
                .and(not(simpleName("CheckedReadWriteLock")))
                .and(not(simpleName("LayoutLock")))
                .should()
                .accessTargetWhere(describe("a lock of the JDK is made", ArchitectureTest::makesLock))
                .check(CORE);
    }

    private static boolean makesLock(JavaAccess<?> access) {
        JavaClass made = access.getTargetOwner();
        return access.getName().equals("<init>")
                && (made.getPackageName().equals("java.util.concurrent.locks") || made.isEquivalentTo(Semaphore.class));
    }

    @Test
    @DisplayName("each exported package is @NullMarked itself: Kotlin does not read that of a module")
    void nullMarked() {
        Set<String> unmarked = new TreeSet<>(ROWS);
        unmarked.removeIf(
                row -> row.contains(".internal") || CORE.getPackage(row).isAnnotatedWith(NullMarked.class));
        assertEquals(Set.of(), unmarked);
    }
}
