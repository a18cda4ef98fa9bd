"""The least that an RMM of FastAPI, SQLAlchemy, asyncpg and PostgreSQL has to do, to compare with: it takes a release and lists the active
ones. No rules, no record that can be verified, no bot."""

import datetime
import hashlib
import os

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(os.environ["DATABASE"], pool_size=20)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class Token(Base):
    __tablename__ = "tokens"
    digest: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]


class Release(Base):
    __tablename__ = "releases"
    id: Mapped[int] = mapped_column(primary_key=True)
    service_name: Mapped[str] = mapped_column(index=True)
    release_tag: Mapped[str]
    status: Mapped[str] = mapped_column(index=True)
    initiated_by: Mapped[str]
    github_run_id: Mapped[str]
    github_action_link: Mapped[str]
    github_ref: Mapped[str]
    created_at: Mapped[datetime.datetime]


class Event(Base):
    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    release_id: Mapped[int] = mapped_column(ForeignKey("releases.id"), index=True)
    actor: Mapped[str]
    kind: Mapped[str]


class NewRelease(BaseModel):
    service_name: str
    release_tag: str
    status: str
    initiated_by: str
    github_run_id: str
    github_action_link: str
    github_ref: str


async def session():
    async with sessions() as opened:
        yield opened


async def caller(authorization: str = Header(), db: AsyncSession = Depends(session)) -> Token:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    token = await db.get(Token, digest)
    if token is None:
        raise HTTPException(401)
    return token


@app.on_event("startup")
async def tables():
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as db:
        await db.merge(Token(digest=hashlib.sha256(b"bench").hexdigest(), name="ci"))
        await db.commit()


@app.get("/readyz")
async def ready():
    return {}


@app.post("/release", status_code=201)
async def create(new: NewRelease, token: Token = Depends(caller), db: AsyncSession = Depends(session)):
    release = Release(**new.model_dump(), created_at=datetime.datetime.now())
    db.add(release)
    await db.flush()
    db.add(Event(release_id=release.id, actor=token.name, kind="release_created"))
    await db.commit()
    return {"release_id": release.id}


@app.get("/active_releases")
async def active(token: Token = Depends(caller), db: AsyncSession = Depends(session)):
    found = await db.scalars(select(Release).where(Release.status == "initiated").order_by(Release.id.desc()).limit(50))
    return [
        {"id": one.id, "service_name": one.service_name, "release_tag": one.release_tag, "status": one.status}
        for one in found
    ]
